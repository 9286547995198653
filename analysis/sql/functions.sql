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
           ceil(extract(epoch FROM in_from) * 1000)::bigint AS from_ms,
           ceil(extract(epoch FROM in_to) * 1000)::bigint AS to_ms
    FROM analytics.identities i
    WHERE lower(i.identity) = lower(in_identity)
)
SELECT r.identity,
       b.name::text,
       'epoch'::timestamptz + (b.hour_number * 3600000::bigint + s.offset_ms) * interval '1 millisecond',
       s.value
FROM range r
JOIN analytics.blocks b
  ON b.identity_number = r.id
 AND b.name = in_name
 AND b.hour_number BETWEEN floor(r.from_ms / 3600000.0)::int AND floor((r.to_ms - 1) / 3600000.0)::int
 AND b.first_ms < r.to_ms
 AND b.last_ms >= r.from_ms
CROSS JOIN LATERAL unnest(b.offsets_ms, b."values") AS s(offset_ms, value)
WHERE b.hour_number * 3600000::bigint + s.offset_ms >= r.from_ms
  AND b.hour_number * 3600000::bigint + s.offset_ms < r.to_ms
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
           ceil(extract(epoch FROM in_from) * 1000)::bigint AS from_ms,
           ceil(extract(epoch FROM in_to) * 1000)::bigint AS to_ms,
           greatest(1, (extract(epoch FROM in_width) * 1000)::bigint) AS width_ms
    FROM analytics.identities i
    WHERE lower(i.identity) = lower(in_identity)
),
found AS NOT MATERIALIZED (
    SELECT b.*, r.from_ms, r.to_ms, r.width_ms,
           b.first_ms / r.width_ms = b.last_ms / r.width_ms
               AND b.first_ms >= r.from_ms AND b.last_ms < r.to_ms AS is_whole
    FROM range r
    JOIN analytics.blocks b
      ON b.identity_number = r.id
     AND b.name = in_name
     AND b.hour_number BETWEEN floor(r.from_ms / 3600000.0)::int
                           AND floor((r.to_ms - 1) / 3600000.0)::int
     AND b.first_ms < r.to_ms
     AND b.last_ms >= r.from_ms
),
parts AS (
    SELECT f.first_ms / f.width_ms * f.width_ms AS start_ms, f.minimum, f.maximum, f.total,
           f.sample_count::bigint AS samples
    FROM found f WHERE f.is_whole
    UNION ALL
    SELECT (f.hour_number * 3600000::bigint + s.offset_ms) / f.width_ms * f.width_ms,
           s.value, s.value, s.value, 1
    FROM found f CROSS JOIN LATERAL unnest(f.offsets_ms, f."values") AS s(offset_ms, value)
    WHERE NOT f.is_whole
      AND f.hour_number * 3600000::bigint + s.offset_ms >= f.from_ms
      AND f.hour_number * 3600000::bigint + s.offset_ms < f.to_ms
)
SELECT 'epoch'::timestamptz + p.start_ms * interval '1 millisecond', min(p.minimum),
       max(p.maximum), sum(p.total) / sum(p.samples), sum(p.samples)::bigint
FROM parts p GROUP BY p.start_ms ORDER BY 1
$$;

COMMENT ON FUNCTION analytics.buckets_between IS
'One series in buckets of equal width, aligned to UTC, for charts. Blocks inside one bucket are counted by their summaries.';
