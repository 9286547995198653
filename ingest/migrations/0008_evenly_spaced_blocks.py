"""Blocks of evenly spaced samples keep the first offset and the step (``encoding`` 2).

What reads blocks by SQL asks ``analytics.block_offsets`` for the offsets. Going back writes them
out again first.
"""

from importlib import import_module

from django.db import migrations

VIEWS = import_module("ingest.migrations.0007_measurement_types_and_views")

BLOCK_OFFSETS = """
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
'Milliseconds from the start of a block''s hour to each of its samples, however the block keeps them.';
"""

READERS = """
CREATE OR REPLACE VIEW analytics.blocks AS
SELECT b.identity_id AS identity_number, b.name::text AS name, b.hour AS hour_number,
       b.first_ms, b.last_ms, b.sample_count, b.minimum, b.maximum, b.total,
       {offsets} AS offsets_ms, b."values"
FROM ingest_sampleblock b;

CREATE OR REPLACE VIEW analytics.samples AS
SELECT i.name::text AS identity,
       b.name::text AS name,
       'epoch'::timestamptz + (b.hour * 3600000::bigint + s.offset_ms) * interval '1 millisecond'
           AS "time",
       s.value,
       'epoch'::timestamptz + b.first_ms * interval '1 millisecond' AS block_first,
       'epoch'::timestamptz + b.last_ms * interval '1 millisecond' AS block_last
FROM ingest_sampleblock b
JOIN identities_identity i ON i.id = b.identity_id
CROSS JOIN LATERAL unnest({offsets}, b."values") AS s(offset_ms, value);
"""

# A block that lies inside one bucket is not opened, hence its offsets must not be asked for
# before that is known: they are in a common table expression that is not made in advance.
BUCKETS = VIEWS.BUCKETS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
BUCKETS_AT_LEISURE = BUCKETS.replace("found AS (", "found AS NOT MATERIALIZED (")

FORWARD = (
    BLOCK_OFFSETS
    + READERS.format(offsets="analytics.block_offsets(b.encoding, b.offsets_ms, b.sample_count)")
    + BUCKETS_AT_LEISURE
)
BACKWARD = (
    """
    UPDATE ingest_sampleblock
    SET offsets_ms = analytics.block_offsets(encoding, offsets_ms, sample_count), encoding = 1
    WHERE encoding = 2;
    """
    + BUCKETS
    + READERS.format(offsets="b.offsets_ms")
    + "DROP FUNCTION analytics.block_offsets(smallint, integer[], integer);"
)


class Migration(migrations.Migration):
    dependencies = [("ingest", "0007_measurement_types_and_views")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
