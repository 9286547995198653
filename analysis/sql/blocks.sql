-- The schema `analytics` and its view of the sample blocks.

CREATE SCHEMA analytics;

CREATE FUNCTION analytics.block_offsets(
    in_encoding smallint, in_stored integer[], in_count integer
)
RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
SELECT CASE in_encoding
    WHEN 1 THEN in_stored
    WHEN 2 THEN ARRAY(
        SELECT in_stored[1] + number * in_stored[2] FROM generate_series(0, in_count - 1) AS number
    )
END
$$;

COMMENT ON FUNCTION analytics.block_offsets IS
'Milliseconds from the start of the block''s hour to each sample, decoded from either encoding.';

CREATE VIEW analytics.blocks AS
SELECT b.identity_id AS identity_number, b.name::text AS name, b.hour AS hour_number,
       b.first_ms, b.last_ms, b.sample_count, b.minimum, b.maximum, b.total,
       analytics.block_offsets(b.encoding, b.offsets_ms, b.sample_count) AS offsets_ms, b."values"
FROM ingest_sampleblock b;

COMMENT ON VIEW analytics.blocks IS
'Blocks of up to 8,192 samples of one series and one UTC hour, read by the functions. offsets_ms count from hour_number * 3,600,000.';
