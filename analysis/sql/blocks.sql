-- The schema `analytics` and its view of the sample blocks.

CREATE SCHEMA analytics;

CREATE FUNCTION analytics.block_times_us(
    in_hour integer, in_encoding smallint, in_offsets integer[], in_count integer
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
END
$$;

COMMENT ON FUNCTION analytics.block_times_us IS
'Times of a block''s samples, epoch microseconds, from any of its encodings: each offset or first offset and step, in milliseconds from the start of the hour (1, 2) or microseconds from its middle (3, 4).';

CREATE VIEW analytics.blocks AS
SELECT b.identity_id AS identity_number, b.name::text AS name, b.hour AS hour_number,
       b.first_ms, b.last_ms, b.sample_count, b.minimum, b.maximum, b.total,
       analytics.block_times_us(b.hour, b.encoding, b.offsets, b.sample_count) AS times_us,
       b."values"
FROM ingest_sampleblock b;

COMMENT ON VIEW analytics.blocks IS
'Up to 8,192 samples of one series and one UTC hour; what the functions read. times_us are epoch microseconds, first_ms and last_ms milliseconds, rounded down.';
