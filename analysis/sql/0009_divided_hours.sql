-- analytics.days in zones whose days divide hours (Asia/Kolkata) in less time: such an hour is counted
-- by its summary, its samples are read in one pass, and value_bin is inlined, which a FROM prevented.
-- A part of a divided hour covers what its samples cover in the whole hour.

CREATE OR REPLACE FUNCTION analytics.value_bin(in_value double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT CASE WHEN in_value < 0 THEN -1 ELSE 1 END
    * (((get_byte(float8send(in_value), 0) & 127) << 11) + (get_byte(float8send(in_value), 1) << 3)
       + (get_byte(float8send(in_value), 2) >> 5))
$$;

CREATE OR REPLACE FUNCTION analytics.is_bin_end(in_value double precision) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT get_byte(float8send(in_value), 2) & 31 = 0
   AND substring(float8send(in_value) FROM 4) = '\x0000000000'
$$;

CREATE OR REPLACE VIEW analytics.hour_summaries AS
SELECT s.identity_id AS identity_number, s.name::text AS name, s.hour AS hour_number,
       s.sample_count, s.covered_ms, s.step_us, s.minimum, s.maximum, s.mean, s.m2,
       s.bin_samples, s.bin_means, s.sketch_is_exact, s.sketch_first, s.sketch, s.bin_covered_ms
FROM ingest_hoursummary s
WHERE NOT EXISTS (
    SELECT 1 FROM ingest_sampleblock b
    WHERE b.identity_id = s.identity_id AND b.name = s.name AND b.hour = s.hour AND NOT b.compacted
);

COMMENT ON VIEW analytics.hour_summaries IS
'Hours of series that are compacted, each in a few numbers; what analytics.days reads. bin_samples, bin_means and bin_covered_ms are of the twelve 5-minute bins, m2 is the sum of squared deviations from the mean.';

CREATE OR REPLACE VIEW analytics_study.hour_summaries WITH (security_barrier) AS
SELECT s.* FROM analytics.hour_summaries s
WHERE s.identity_number = ANY ((SELECT analytics_study.identity_numbers())::bigint[]);

CREATE OR REPLACE FUNCTION analytics.days(
    in_identity text, in_name text, in_from date, in_to date, in_timezone text DEFAULT 'UTC'
)
RETURNS TABLE (
    date date, samples bigint, covered_seconds double precision,
    min double precision, max double precision, mean double precision, sd double precision,
    p5 double precision, median double precision, p95 double precision, resting double precision
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
WITH range AS (
    SELECT i.identity_number AS id,
           floor(extract(epoch FROM in_from::timestamp AT TIME ZONE in_timezone) / 3600)::int
               AS first_hour,
           floor(extract(epoch FROM in_to::timestamp AT TIME ZONE in_timezone) / 3600)::int
               AS last_hour
    FROM analytics.identities i WHERE lower(i.identity) = lower(in_identity)
),
step AS MATERIALIZED (
    SELECT s.interval_ms, s.is_expected FROM analytics.series_interval(in_identity, in_name) s
),
hours AS MATERIALIZED (
    SELECT l.*, (extract(epoch FROM l.last_day::timestamp AT TIME ZONE in_timezone) * 1000000)::bigint
                    AS midnight_us
    FROM (
        SELECT r.id, b.hour_number AS hour,
               (('epoch'::timestamptz + b.hour_number * interval '1 hour')
                   AT TIME ZONE in_timezone)::date AS first_day,
               (('epoch'::timestamptz + b.hour_number * interval '1 hour'
                   + interval '59 min 59.999999 s') AT TIME ZONE in_timezone)::date AS last_day
        FROM range r
        JOIN analytics.blocks b
          ON b.identity_number = r.id AND b.name = in_name
         AND b.hour_number BETWEEN r.first_hour AND r.last_hour
        GROUP BY r.id, b.hour_number
    ) AS l
),
-- Hours inside one day, by their summaries.
summarised AS MATERIALIZED (
    SELECT h.hour, h.first_day AS day, s.sample_count::bigint AS n, s.covered_ms, s.minimum,
           s.maximum, s.mean, s.m2, s.bin_samples, s.bin_means, s.sketch_is_exact, s.sketch_first,
           s.sketch
    FROM hours h
    JOIN analytics.hour_summaries s
      ON s.identity_number = h.id AND s.name = in_name AND s.hour_number = h.hour
    WHERE h.first_day = h.last_day AND s.sketch IS NOT NULL
      AND h.first_day >= in_from AND h.first_day < in_to
),
-- Hours that midnight divides between two 5-minute bins: counts, covered time and means by the
-- summary, values by one pass over the samples.
divided AS MATERIALIZED (
    SELECT h.id, h.hour, h.first_day, h.last_day, h.midnight_us, c.bins_before, s.bin_samples,
           s.bin_means, s.bin_covered_ms
    FROM hours h
    JOIN analytics.hour_summaries s
      ON s.identity_number = h.id AND s.name = in_name AND s.hour_number = h.hour
    CROSS JOIN LATERAL (
        SELECT ((h.midnight_us - h.hour * 3600000000) / 300000000)::int AS bins_before
    ) AS c
    WHERE h.first_day <> h.last_day AND s.sketch IS NOT NULL AND h.midnight_us % 300000000 = 0
      AND NOT EXISTS (
          SELECT 1 FROM unnest(s.bin_samples) WITH ORDINALITY AS b(n, place)
          GROUP BY b.place <= c.bins_before HAVING sum(b.n) BETWEEN 1 AND 63)
),
halves AS MATERIALIZED (
    SELECT d.hour, CASE WHEN b.place <= d.bins_before THEN d.first_day ELSE d.last_day END AS day,
           b.n::bigint AS n, b.mean, b.covered_ms
    FROM divided d
    CROSS JOIN LATERAL unnest(d.bin_samples, d.bin_means, d.bin_covered_ms)
        WITH ORDINALITY AS b(n, mean, covered_ms, place)
),
cut AS MATERIALIZED (
    SELECT v.day, v.bin, count(*) AS n, min(v.value) AS minimum, max(v.value) AS maximum,
           avg(v.value) AS mean, var_pop(v.value) * count(*) AS m2
    FROM (
        SELECT CASE WHEN t.time_us < d.midnight_us THEN d.first_day ELSE d.last_day END AS day,
               analytics.value_bin(t.value) AS bin, t.value
        FROM divided d
        JOIN analytics.blocks b
          ON b.identity_number = d.id AND b.name = in_name AND b.hour_number = d.hour
        CROSS JOIN LATERAL unnest(b.times_us, b."values") AS t(time_us, value)
    ) AS v
    WHERE v.day >= in_from AND v.day < in_to
    GROUP BY v.day, v.bin
),
-- All other hours, by their samples. Were they not chosen first, the planner would decode all blocks.
unread AS MATERIALIZED (
    SELECT h.* FROM hours h
    WHERE NOT EXISTS (SELECT 1 FROM summarised s WHERE s.hour = h.hour)
      AND NOT EXISTS (SELECT 1 FROM divided d WHERE d.hour = h.hour)
),
stepped AS MATERIALIZED (
    SELECT found.*, time_us - lag(time_us) OVER (PARTITION BY hour ORDER BY time_us) AS step_us,
           coalesce(lead(time_us) OVER (PARTITION BY hour ORDER BY time_us) - time_us, 3600000000)
               AS until_next_us
    FROM (
        SELECT CASE WHEN t.time_us < h.midnight_us THEN h.first_day ELSE h.last_day END AS day,
               h.hour, t.time_us, t.value
        FROM unread h
        JOIN analytics.blocks b
          ON b.identity_number = h.id AND b.name = in_name AND b.hour_number = h.hour
        CROSS JOIN LATERAL unnest(b.times_us, b."values") AS t(time_us, value)
    ) AS found
),
hour_steps AS MATERIALIZED (
    SELECT s.hour, percentile_disc(0.5) WITHIN GROUP (ORDER BY s.step_us) AS step_us
    FROM stepped s WHERE s.step_us IS NOT NULL GROUP BY s.hour
),
read AS MATERIALIZED (
    SELECT s.day, s.hour, s.time_us, s.value, analytics.value_bin(s.value) AS bin,
           least(s.until_next_us, coalesce(h.step_us, 3600000000)) AS share_us
    FROM stepped s LEFT JOIN hour_steps h ON h.hour = s.hour
    WHERE s.day >= in_from AND s.day < in_to
),
counted AS MATERIALIZED (
    SELECT r.day, r.hour, count(*) AS n, min(r.value) AS minimum, max(r.value) AS maximum,
           avg(r.value) AS mean, var_pop(r.value) * count(*) AS m2,
           least(3600000, sum(r.share_us) / 1000) AS covered_ms,
           count(*) >= 64 AND count(DISTINCT r.bin) <= 2048
               AND NOT bool_or(abs(r.bin) < 128 AND r.value <> 0) AS is_sketched,
           bool_and(analytics.is_bin_end(r.value)) AS is_exact
    FROM read r GROUP BY r.day, r.hour
),
-- Of divided hours the samples that cover time are counted apart from the values.
parts AS (
    SELECT s.day, s.n, s.n AS covering, s.covered_ms::double precision, s.minimum, s.maximum, s.mean,
           s.m2, true AS is_sketched, s.sketch_is_exact AS is_exact
    FROM summarised s
    UNION ALL
    SELECT c.day, c.n, c.n, c.covered_ms, c.minimum, c.maximum, c.mean, c.m2, c.is_sketched,
           c.is_exact
    FROM counted c
    UNION ALL
    SELECT h.day, 0, sum(h.n)::bigint, least(3600000, sum(h.covered_ms)), NULL, NULL, 0, 0, true, true
    FROM halves h WHERE h.day >= in_from AND h.day < in_to
    GROUP BY h.day, h.hour HAVING sum(h.n) > 0
    UNION ALL
    SELECT c.day, c.n, 0, 0, c.minimum, c.maximum, c.mean, c.m2, true,
           c.minimum = c.maximum AND analytics.is_bin_end(c.minimum)
    FROM cut c
),
days AS (
    SELECT p.day, sum(p.n)::bigint AS n, min(p.minimum) AS minimum, max(p.maximum) AS maximum,
           max(p.day_mean) AS mean, sum(p.m2 + p.n * (p.mean - p.day_mean) ^ 2) AS m2,
           sum(CASE WHEN p.covering = 1 THEN coalesce(i.interval_ms, 0)
                    WHEN p.covering >= 64 AND NOT i.is_expected THEN p.covered_ms
                    ELSE least(p.covered_ms, p.covering * coalesce(i.interval_ms, 0)) END)
               AS covered_ms,
           bool_or(p.is_sketched) OR sum(p.n) > 200000 AS is_sketched, bool_and(p.is_exact) AS is_exact
    FROM (
        SELECT q.*, sum(q.n * q.mean) OVER (PARTITION BY q.day)
                    / sum(q.n) OVER (PARTITION BY q.day) AS day_mean
        FROM parts q
    ) AS p CROSS JOIN step i
    GROUP BY p.day
),
-- Grouped by one number for day and bin. unnest() returns the numbers of a sketch in their order.
cells AS (
    SELECT 'epoch'::date + (c.cell >> 24)::int AS day, (c.cell & 16777215) - 8388608 AS bin,
           sum(c.n) AS n
    FROM (
        SELECT (s.day - 'epoch'::date)::bigint * 16777216 + 8388608 + t.bin AS cell, t.n
        FROM summarised s
        CROSS JOIN LATERAL (
            SELECT greatest(u.number, 0) AS n,
                   s.sketch_first + sum(u.skip) OVER (ROWS UNBOUNDED PRECEDING) - u.skip AS bin
            FROM (
                SELECT number, CASE WHEN number < 0 THEN -number::int
                                    WHEN number = 32767 THEN 0 ELSE 1 END AS skip
                FROM unnest(s.sketch) AS number
            ) AS u
        ) AS t
        WHERE t.n > 0
        UNION ALL
        SELECT (c.day - 'epoch'::date)::bigint * 16777216 + 8388608 + c.bin, c.n FROM cut c
        UNION ALL
        SELECT (r.day - 'epoch'::date)::bigint * 16777216 + 8388608
               + CASE WHEN abs(r.bin) < 128 THEN 0 ELSE r.bin END, 1
        FROM read r
    ) AS c GROUP BY c.cell
),
reached AS (
    SELECT c.day, c.bin, sum(c.n) OVER (PARTITION BY c.day ORDER BY c.bin) AS n FROM cells c
),
estimated AS (
    SELECT r.day, min(r.bin) FILTER (WHERE r.n >= ceil(0.05::float8 * d.n)) AS p5,
           min(r.bin) FILTER (WHERE r.n >= ceil(0.5::float8 * d.n)) AS median,
           min(r.bin) FILTER (WHERE r.n >= ceil(0.95::float8 * d.n)) AS p95
    FROM reached r JOIN days d ON d.day = r.day WHERE d.is_sketched GROUP BY r.day
),
sorted AS (
    SELECT r.day, percentile_disc(ARRAY[0.05, 0.5, 0.95]) WITHIN GROUP (ORDER BY r.value) AS found
    FROM read r JOIN days d ON d.day = r.day WHERE NOT d.is_sketched GROUP BY r.day
),
bins AS (
    SELECT s.day, t.n::bigint AS n, t.mean
    FROM summarised s CROSS JOIN LATERAL unnest(s.bin_samples, s.bin_means) AS t(n, mean)
    UNION ALL
    SELECT h.day, h.n, h.mean FROM halves h WHERE h.day >= in_from AND h.day < in_to
    UNION ALL
    SELECT r.day, count(*), avg(r.value) FROM read r GROUP BY r.day, r.time_us / 300000000
),
resting AS (
    SELECT b.day, min(b.mean) AS lowest FROM bins b CROSS JOIN step i
    WHERE b.n > 0 AND b.n * i.interval_ms >= 0.6 * 300000 GROUP BY b.day
)
SELECT d.day, d.n,
       least(d.covered_ms / 1000, extract(epoch FROM ((d.day + 1)::timestamp AT TIME ZONE in_timezone)
                                          - (d.day::timestamp AT TIME ZONE in_timezone))),
       d.minimum, d.maximum, least(greatest(d.mean, d.minimum), d.maximum),
       CASE WHEN d.n > 1 THEN sqrt(d.m2 / (d.n - 1)) END,
       coalesce(s.found[1], least(greatest(
           analytics.bin_value(e.p5::int, d.is_exact), d.minimum), d.maximum)),
       coalesce(s.found[2], least(greatest(
           analytics.bin_value(e.median::int, d.is_exact), d.minimum), d.maximum)),
       coalesce(s.found[3], least(greatest(
           analytics.bin_value(e.p95::int, d.is_exact), d.minimum), d.maximum)),
       t.lowest
FROM days d
LEFT JOIN estimated e ON e.day = d.day
LEFT JOIN sorted s ON s.day = d.day
LEFT JOIN resting t ON t.day = d.day
ORDER BY d.day
$$;
