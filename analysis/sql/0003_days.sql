-- Statistics of local days: analytics.days and what it reads.

CREATE VIEW analytics.hour_summaries AS
SELECT s.identity_id AS identity_number, s.name::text AS name, s.hour AS hour_number,
       s.sample_count, s.covered_ms, s.step_us, s.minimum, s.maximum, s.mean, s.m2,
       s.bin_samples, s.bin_means, s.sketch_is_exact, s.sketch_first, s.sketch
FROM ingest_hoursummary s
WHERE NOT EXISTS (
    SELECT 1 FROM ingest_sampleblock b
    WHERE b.identity_id = s.identity_id AND b.name = s.name AND b.hour = s.hour AND NOT b.compacted
);

COMMENT ON VIEW analytics.hour_summaries IS
'Hours of series that are compacted, each in a few numbers; what analytics.days reads. bin_samples and bin_means are of the twelve 5-minute bins, m2 is the sum of squared deviations from the mean.';

CREATE VIEW analytics.measurement_types AS
SELECT t.pattern::text AS pattern, t.label::text AS label, t.unit::text AS unit,
       t.loinc::text AS loinc, t.plausible_low, t.plausible_high, t.expected_interval_s,
       regexp_split_to_array(t.columns, '\s*,\s*') AS column_names
FROM ingest_measurementtype t;

COMMENT ON VIEW analytics.measurement_types IS
'One row for each measurement type: a name, or a prefix followed by *, and what its values mean.';

CREATE FUNCTION analytics.value_bin(in_value double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT CASE WHEN in_value < 0 THEN -1 ELSE 1 END
    * (((get_byte(v.bits, 0) & 127) << 11) + (get_byte(v.bits, 1) << 3) + (get_byte(v.bits, 2) >> 5))
FROM (SELECT float8send(in_value)) AS v(bits)
$$;

CREATE FUNCTION analytics.is_bin_end(in_value double precision) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT get_byte(v.bits, 2) & 31 = 0 AND substring(v.bits FROM 4) = '\x0000000000'
FROM (SELECT float8send(in_value)) AS v(bits)
$$;

CREATE FUNCTION analytics.bin_value(in_bin integer, in_is_exact boolean) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT CASE WHEN in_bin = 0 THEN 0 ELSE
    sign(in_bin) * power(2::double precision, (abs(in_bin) >> 7) - 1023)
    * (1 + ((abs(in_bin) & 127) + CASE WHEN in_is_exact THEN 0 ELSE 0.5 END) / 128::double precision)
END
$$;

COMMENT ON FUNCTION analytics.value_bin IS
'Number of a value''s bin in the sketches: 128 bins of equal width between two powers of two, for both signs, and 0.';
COMMENT ON FUNCTION analytics.is_bin_end IS 'Whether a value is the end of its bin nearer to zero.';
COMMENT ON FUNCTION analytics.bin_value IS
'The middle of a bin, or the end nearer to zero if all values are such ends.';

CREATE FUNCTION analytics.series_interval(in_identity text, in_name text)
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
steps AS (
    SELECT s.hour_number, s.time_us - lag(s.time_us) OVER (
               PARTITION BY s.hour_number ORDER BY s.time_us) AS step_us
    FROM (
        SELECT h.hour_number, t.time_us FROM first_hours h
        JOIN analytics.blocks b
          ON b.identity_number = h.identity_number AND b.name = in_name
         AND b.hour_number = h.hour_number
        CROSS JOIN LATERAL unnest(b.times_us) AS t(time_us)
    ) AS s
),
medians AS (
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY s.step_us) AS step_us, count(*) + 1 AS samples
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

COMMENT ON FUNCTION analytics.series_interval IS
'Milliseconds that a sample of a series stands for: the expected interval of its measurement type, or else the median time between samples in its first 48 hours with any.';

CREATE FUNCTION analytics.days(
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
-- All other hours, by their samples.
read AS MATERIALIZED (
    SELECT found.*, time_us - lag(time_us) OVER (PARTITION BY day, hour ORDER BY time_us) AS step_us,
           coalesce(lead(time_us) OVER (PARTITION BY day, hour ORDER BY time_us) - time_us,
                    3600000000) AS until_next_us,
           analytics.value_bin(value) AS bin
    FROM (
        SELECT (('epoch'::timestamptz + t.time_us * interval '1 microsecond')
                   AT TIME ZONE in_timezone)::date AS day, h.hour, t.time_us, t.value
        FROM hours h
        JOIN analytics.blocks b
          ON b.identity_number = h.id AND b.name = in_name AND b.hour_number = h.hour
        CROSS JOIN LATERAL unnest(b.times_us, b."values") AS t(time_us, value)
        WHERE NOT EXISTS (SELECT 1 FROM summarised s WHERE s.hour = h.hour)
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
           bool_and(analytics.is_bin_end(r.value)) AS is_exact
    FROM read r GROUP BY r.day, r.hour
),
parts AS (
    SELECT s.day, s.n, s.covered_ms::double precision, s.minimum, s.maximum, s.mean, s.m2,
           true AS is_sketched, s.sketch_is_exact AS is_exact
    FROM summarised s
    UNION ALL
    SELECT c.day, c.n,
           (SELECT least(3600000, sum(least(r.until_next_us, c.step_us)) / 1000)
            FROM read r WHERE r.day = c.day AND r.hour = c.hour),
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
cells AS (
    SELECT c.day, c.bin, sum(c.n) AS n FROM (
        SELECT s.day, s.sketch_first + sum(t.skip) OVER (
                   PARTITION BY s.hour ORDER BY t.place) - t.skip AS bin,
               greatest(t.number, 0) AS n
        FROM summarised s
        CROSS JOIN LATERAL (
            SELECT u.number, u.place, CASE WHEN u.number < 0 THEN -u.number::int
                                           WHEN u.number = 32767 THEN 0 ELSE 1 END AS skip
            FROM unnest(s.sketch) WITH ORDINALITY AS u(number, place)
        ) AS t
        UNION ALL
        SELECT r.day, CASE WHEN abs(r.bin) < 128 THEN 0 ELSE r.bin END, 1 FROM read r
    ) AS c WHERE c.n > 0 GROUP BY c.day, c.bin
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

COMMENT ON FUNCTION analytics.days IS
'Local days of a series that have samples, in_from <= date < in_to, as the analysis API returns them. Percentiles are nearest rank, within 1/256 of the value; a year is merged from its hours.';
