-- The functions of the schema `analytics`. They read its views, not the tables, so a role that may
-- read the views needs no other privilege to call them.

CREATE FUNCTION analytics.samples_between(
    in_identity text, in_name text, in_from timestamptz, in_to timestamptz
)
RETURNS TABLE (identity text, name text, "time" timestamptz, value double precision)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
WITH range AS (
    SELECT i.identity_number AS id,
           i.identity::text AS identity,
           ceil(extract(epoch FROM in_from) * 1000000)::bigint AS from_us,
           ceil(extract(epoch FROM in_to) * 1000000)::bigint AS to_us
    FROM analytics.identities i
    WHERE lower(i.identity) = lower(in_identity)
)
SELECT r.identity,
       b.name::text,
       'epoch'::timestamptz + s.time_us * interval '1 microsecond',
       s.value
FROM range r
JOIN analytics.blocks b
  ON b.identity_number = r.id
 AND b.name = in_name
 AND b.hour_number BETWEEN floor(r.from_us / 3600000000.0)::int
                       AND floor((r.to_us - 1) / 3600000000.0)::int
 AND b.first_ms * 1000 < r.to_us
 AND b.last_ms * 1000 + 999 >= r.from_us
CROSS JOIN LATERAL unnest(b.times_us, b."values") AS s(time_us, value)
WHERE s.time_us >= r.from_us AND s.time_us < r.to_us
ORDER BY 3
$$;

COMMENT ON FUNCTION analytics.samples_between IS
'Samples of one series with from <= time < to, ascending. Reads only the blocks of that range.';

CREATE FUNCTION analytics.buckets_between(
    in_identity text, in_name text, in_from timestamptz, in_to timestamptz, in_width interval
)
RETURNS TABLE (
    "time" timestamptz, minimum double precision, maximum double precision,
    mean double precision, samples bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
WITH range AS (
    SELECT i.identity_number AS id,
           ceil(extract(epoch FROM in_from) * 1000000)::bigint AS from_us,
           ceil(extract(epoch FROM in_to) * 1000000)::bigint AS to_us,
           greatest(1, (extract(epoch FROM in_width) * 1000)::bigint) * 1000 AS width_us
    FROM analytics.identities i
    WHERE lower(i.identity) = lower(in_identity)
),
found AS NOT MATERIALIZED (
    SELECT b.*, r.from_us, r.to_us, r.width_us,
           b.first_ms * 1000 / r.width_us = (b.last_ms * 1000 + 999) / r.width_us
               AND b.first_ms * 1000 >= r.from_us
               AND b.last_ms * 1000 + 999 < r.to_us AS is_whole
    FROM range r
    JOIN analytics.blocks b
      ON b.identity_number = r.id
     AND b.name = in_name
     AND b.hour_number BETWEEN floor(r.from_us / 3600000000.0)::int
                           AND floor((r.to_us - 1) / 3600000000.0)::int
     AND b.first_ms * 1000 < r.to_us
     AND b.last_ms * 1000 + 999 >= r.from_us
),
parts AS (
    SELECT f.first_ms * 1000 / f.width_us * f.width_us AS start_us, f.minimum, f.maximum, f.total,
           f.sample_count::bigint AS samples
    FROM found f WHERE f.is_whole
    UNION ALL
    SELECT s.time_us / f.width_us * f.width_us, s.value, s.value, s.value, 1
    FROM found f CROSS JOIN LATERAL unnest(f.times_us, f."values") AS s(time_us, value)
    WHERE NOT f.is_whole AND s.time_us >= f.from_us AND s.time_us < f.to_us
)
SELECT 'epoch'::timestamptz + p.start_us * interval '1 microsecond', min(p.minimum),
       max(p.maximum), sum(p.total) / sum(p.samples), sum(p.samples)::bigint
FROM parts p GROUP BY p.start_us ORDER BY 1
$$;

COMMENT ON FUNCTION analytics.buckets_between IS
'One series in buckets of equal width, aligned to UTC, for charts. Blocks inside one bucket are counted by their summaries.';
