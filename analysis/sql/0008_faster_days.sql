-- analytics.days and analytics.series_interval with the same numbers in less time: only hours without
-- a usable summary are decoded, and sketches are added up without a sort for each hour.

CREATE OR REPLACE FUNCTION analytics.series_interval(in_identity text, in_name text)
RETURNS TABLE (interval_ms double precision, is_expected boolean)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
WITH expected AS (
    SELECT t.expected_interval_s * 1000 AS ms FROM analytics.measurement_types t
    WHERE t.pattern = in_name
       OR (right(t.pattern, 1) = '*' AND starts_with(in_name, left(t.pattern, -1)))
       OR (t.pattern = regexp_replace(in_name, '\.[^.]*$', '')
           AND regexp_replace(in_name, '^.*\.', '') = ANY (t.column_names))
    ORDER BY right(t.pattern, 1) = '*', length(t.pattern) DESC LIMIT 1
),
first_hours AS MATERIALIZED (
    SELECT DISTINCT b.identity_number, b.hour_number
    FROM analytics.identities i
    JOIN analytics.blocks b ON b.identity_number = i.identity_number AND b.name = in_name
    WHERE lower(i.identity) = lower(in_identity)
    ORDER BY b.hour_number LIMIT 48
),
summarised AS MATERIALIZED (
    SELECT h.hour_number, s.step_us, s.sample_count FROM first_hours h
    JOIN analytics.hour_summaries s
      ON s.identity_number = h.identity_number AND s.name = in_name
     AND s.hour_number = h.hour_number
),
steps AS (
    SELECT s.hour_number, s.time_us - lag(s.time_us) OVER (
               PARTITION BY s.hour_number ORDER BY s.time_us) AS step_us
    FROM (
        SELECT h.hour_number, t.time_us
        FROM (
            SELECT * FROM first_hours f
            WHERE NOT EXISTS (SELECT 1 FROM summarised s WHERE s.hour_number = f.hour_number)
            OFFSET 0
        ) AS h
        JOIN analytics.blocks b
          ON b.identity_number = h.identity_number AND b.name = in_name
         AND b.hour_number = h.hour_number
        CROSS JOIN LATERAL unnest(b.times_us) AS t(time_us)
    ) AS s
),
medians AS (
    SELECT s.step_us, s.sample_count::bigint AS samples FROM summarised s WHERE s.step_us IS NOT NULL
    UNION ALL
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY s.step_us), count(*) + 1
    FROM steps s WHERE s.step_us IS NOT NULL GROUP BY s.hour_number
),
measured AS (
    SELECT m.step_us / 1000.0 AS ms FROM (
        SELECT step_us, sum(samples) OVER (ORDER BY step_us) AS reached, sum(samples) OVER () AS total
        FROM medians
    ) AS m WHERE m.reached >= m.total / 2.0 ORDER BY m.step_us LIMIT 1
),
sparse AS (
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY f.step_ms) AS ms FROM (
        SELECT b.first_ms - lag(b.first_ms) OVER (ORDER BY b.first_ms) AS step_ms
        FROM first_hours h
        JOIN analytics.blocks b
          ON b.identity_number = h.identity_number AND b.name = in_name
         AND b.hour_number = h.hour_number
    ) AS f WHERE f.step_ms IS NOT NULL
)
SELECT coalesce((SELECT e.ms FROM expected e), (SELECT m.ms FROM measured m),
                (SELECT s.ms FROM sparse s))::double precision,
       EXISTS (SELECT 1 FROM expected e WHERE e.ms IS NOT NULL)
$$;

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
    SELECT r.id, b.hour_number AS hour,
           ('epoch'::timestamptz + b.hour_number * interval '1 hour')
               AT TIME ZONE in_timezone AS starts,
           ('epoch'::timestamptz + b.hour_number * interval '1 hour'
               + interval '59 min 59.999999 s') AT TIME ZONE in_timezone AS ends
    FROM range r
    JOIN analytics.blocks b
      ON b.identity_number = r.id AND b.name = in_name
     AND b.hour_number BETWEEN r.first_hour AND r.last_hour
    GROUP BY r.id, b.hour_number
),
-- Hours inside one day, by their summaries.
summarised AS MATERIALIZED (
    SELECT h.hour, h.starts::date AS day, s.sample_count::bigint AS n, s.covered_ms, s.minimum,
           s.maximum, s.mean, s.m2, s.bin_samples, s.bin_means, s.sketch_is_exact, s.sketch_first,
           s.sketch
    FROM hours h
    JOIN analytics.hour_summaries s
      ON s.identity_number = h.id AND s.name = in_name AND s.hour_number = h.hour
    WHERE h.starts::date = h.ends::date AND s.sketch IS NOT NULL
      AND h.starts::date >= in_from AND h.starts::date < in_to
),
-- All other hours, by their samples. Were they not chosen first, the planner would decode all blocks.
unread AS MATERIALIZED (
    SELECT h.id, h.hour, h.starts::date AS first_day, h.ends::date AS last_day,
           (extract(epoch FROM h.ends::date::timestamp AT TIME ZONE in_timezone) * 1000000)::bigint
               AS midnight_us
    FROM hours h
    WHERE NOT EXISTS (SELECT 1 FROM summarised s WHERE s.hour = h.hour)
),
read AS MATERIALIZED (
    SELECT found.*, time_us - lag(time_us) OVER (PARTITION BY day, hour ORDER BY time_us) AS step_us,
           coalesce(lead(time_us) OVER (PARTITION BY day, hour ORDER BY time_us) - time_us,
                    3600000000) AS until_next_us,
           analytics.value_bin(value) AS bin
    FROM (
        SELECT CASE WHEN t.time_us < h.midnight_us THEN h.first_day ELSE h.last_day END AS day,
               h.hour, t.time_us, t.value
        FROM unread h
        JOIN analytics.blocks b
          ON b.identity_number = h.id AND b.name = in_name AND b.hour_number = h.hour
        CROSS JOIN LATERAL unnest(b.times_us, b."values") AS t(time_us, value)
    ) AS found
    WHERE found.day >= in_from AND found.day < in_to
),
counted AS MATERIALIZED (
    SELECT r.day, r.hour, count(*) AS n, min(r.value) AS minimum, max(r.value) AS maximum,
           avg(r.value) AS mean, var_pop(r.value) * count(*) AS m2,
           coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY r.step_us)
                    FILTER (WHERE r.step_us IS NOT NULL), 3600000000) AS step_us,
           count(*) >= 64 AND count(DISTINCT r.bin) <= 2048
               AND NOT bool_or(abs(r.bin) < 128 AND r.value <> 0) AS is_sketched,
           bool_and(analytics.is_bin_end(r.value)) AS is_exact,
           array_agg(r.until_next_us) AS until_next_us
    FROM read r GROUP BY r.day, r.hour
),
parts AS (
    SELECT s.day, s.n, s.covered_ms::double precision, s.minimum, s.maximum, s.mean, s.m2,
           true AS is_sketched, s.sketch_is_exact AS is_exact
    FROM summarised s
    UNION ALL
    SELECT c.day, c.n,
           (SELECT least(3600000, sum(least(u.us, c.step_us)) / 1000) FROM unnest(c.until_next_us) u(us)),
           c.minimum, c.maximum, c.mean, c.m2, c.is_sketched, c.is_exact
    FROM counted c
),
days AS (
    SELECT p.day, sum(p.n)::bigint AS n, min(p.minimum) AS minimum, max(p.maximum) AS maximum,
           max(p.day_mean) AS mean, sum(p.m2 + p.n * (p.mean - p.day_mean) ^ 2) AS m2,
           sum(CASE WHEN p.n = 1 THEN coalesce(i.interval_ms, 0)
                    WHEN p.n >= 64 AND NOT i.is_expected THEN p.covered_ms
                    ELSE least(p.covered_ms, p.n * coalesce(i.interval_ms, 0)) END) AS covered_ms,
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
