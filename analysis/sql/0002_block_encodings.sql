-- The decoding of every stored form of a block: see ingest/storage/timestamp_encoding.py and
-- value_encoding.py.

CREATE FUNCTION analytics.block_times_us(
    in_hour integer, in_first_ms bigint, in_encoding smallint, in_offsets integer[],
    in_time_steps smallint[], in_count integer
)
RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT CASE in_encoding
    WHEN 1 THEN ARRAY(
        SELECT in_hour * 3600000000::bigint + o * 1000::bigint
        FROM unnest(in_offsets) WITH ORDINALITY AS s(o, place) ORDER BY place
    )
    WHEN 2 THEN ARRAY(
        SELECT in_hour * 3600000000::bigint
               + (in_offsets[1] + place::bigint * in_offsets[2]) * 1000
        FROM generate_series(0, in_count - 1) AS place
    )
    WHEN 3 THEN ARRAY(
        SELECT in_hour * 3600000000::bigint + 1800000000 + o
        FROM unnest(in_offsets) WITH ORDINALITY AS s(o, place) ORDER BY place
    )
    WHEN 4 THEN ARRAY(
        SELECT in_hour * 3600000000::bigint + 1800000000
               + (in_offsets[1] + place::bigint * in_offsets[2])
        FROM generate_series(0, in_count - 1) AS place
    )
    WHEN 5 THEN ARRAY(
        SELECT (in_first_ms + sum(step) OVER (ORDER BY place)) * 1000
        FROM unnest(in_time_steps) WITH ORDINALITY AS s(step, place) ORDER BY place
    )
    WHEN 6 THEN ARRAY(
        SELECT in_first_ms * 1000 + sum(step) OVER (ORDER BY place)
        FROM unnest(in_time_steps) WITH ORDINALITY AS s(step, place) ORDER BY place
    )
END
$$;

COMMENT ON FUNCTION analytics.block_times_us(
    integer, bigint, smallint, integer[], smallint[], integer
) IS
'Times of a block''s samples, epoch microseconds, from any of its encodings: each offset or first offset and step, in milliseconds from the start of the hour (1, 2) or microseconds from its middle (3, 4); differences in milliseconds (5) or microseconds (6) from first_ms on.';

-- The quotient of two exact doubles is the double of the decimal; pow() need not be exact.
CREATE FUNCTION analytics.block_values(
    in_scale smallint, in_minimum double precision, in_values double precision[],
    in_integers integer[], in_small_integers smallint[]
)
RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT CASE
    WHEN in_scale IS NULL THEN in_values
    WHEN in_integers IS NOT NULL THEN ARRAY(
        SELECT n / p.power FROM unnest(in_integers) WITH ORDINALITY AS s(n, place) ORDER BY place
    )
    ELSE ARRAY(
        SELECT (round(in_minimum * p.power) + 32768 + n) / p.power
        FROM unnest(in_small_integers) WITH ORDINALITY AS s(n, place) ORDER BY place
    )
END
FROM (
    SELECT ('{1,1e1,1e2,1e3,1e4,1e5,1e6,1e7,1e8,1e9,1e10,1e11,1e12,1e13,1e14,1e15}'::float8[])
           [in_scale + 1] AS power
) AS p
$$;

COMMENT ON FUNCTION analytics.block_values IS
'Values of a block''s samples: doubles as stored (no scale), or integers divided by 10^scale; 16-bit integers count from round(minimum * 10^scale) + 32768.';

CREATE OR REPLACE VIEW analytics.blocks AS
SELECT b.identity_id AS identity_number, b.name::text AS name, b.hour AS hour_number,
       b.first_ms, b.last_ms, b.sample_count, b.minimum, b.maximum, b.total,
       analytics.block_times_us(
           b.hour, b.first_ms, b.encoding, b.offsets, b.time_steps, b.sample_count
       ) AS times_us,
       analytics.block_values(b.scale, b.minimum, b."values", b.integers, b.small_integers)
           AS "values"
FROM ingest_sampleblock b;

CREATE OR REPLACE VIEW analytics.samples AS
SELECT i.name::text AS identity,
       b.name::text AS name,
       'epoch'::timestamptz + s.time_us * interval '1 microsecond' AS "time",
       s.value,
       'epoch'::timestamptz + b.first_ms * interval '1 millisecond' AS block_first,
       'epoch'::timestamptz + b.last_ms * interval '1 millisecond' AS block_last
FROM ingest_sampleblock b
JOIN identities_identity i ON i.id = b.identity_id
CROSS JOIN LATERAL unnest(
    analytics.block_times_us(
        b.hour, b.first_ms, b.encoding, b.offsets, b.time_steps, b.sample_count
    ),
    analytics.block_values(b.scale, b.minimum, b."values", b.integers, b.small_integers)
) AS s(time_us, value);

DROP FUNCTION analytics.block_times_us(integer, smallint, integer[], integer);
