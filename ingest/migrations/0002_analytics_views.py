"""The schema ``analytics``: samples for SQL and Grafana, unnested from their blocks."""

from django.db import migrations

FORWARD = """
CREATE SCHEMA IF NOT EXISTS analytics;

CREATE VIEW analytics.samples AS
SELECT i.name::text AS identity,
       b.name::text AS name,
       'epoch'::timestamptz + (b.hour * 3600000::bigint + s.offset_ms) * interval '1 millisecond'
           AS "time",
       s.value,
       'epoch'::timestamptz + b.first_ms * interval '1 millisecond' AS block_first,
       'epoch'::timestamptz + b.last_ms * interval '1 millisecond' AS block_last
FROM ingest_sampleblock b
JOIN identities_identity i ON i.id = b.identity_id
CROSS JOIN LATERAL unnest(b.offsets_ms, b."values") AS s(offset_ms, value);

COMMENT ON VIEW analytics.samples IS
'Every sample. A filter on "time" alone reads all blocks: filter on block_first and block_last too, or use analytics.samples_between.';

CREATE FUNCTION analytics.samples_between(
    in_identity text, in_name text, in_from timestamptz, in_to timestamptz
)
RETURNS TABLE (identity text, name text, "time" timestamptz, value double precision)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
WITH range AS (
    SELECT i.id,
           i.name::text AS identity,
           ceil(extract(epoch FROM in_from) * 1000)::bigint AS from_ms,
           ceil(extract(epoch FROM in_to) * 1000)::bigint AS to_ms
    FROM identities_identity i
    WHERE lower(i.name) = lower(in_identity)
)
SELECT r.identity,
       b.name::text,
       'epoch'::timestamptz + (b.hour * 3600000::bigint + s.offset_ms) * interval '1 millisecond',
       s.value
FROM range r
JOIN ingest_sampleblock b
  ON b.identity_id = r.id
 AND b.name = in_name
 AND b.hour BETWEEN floor(r.from_ms / 3600000.0)::int AND floor((r.to_ms - 1) / 3600000.0)::int
 AND b.first_ms < r.to_ms
 AND b.last_ms >= r.from_ms
CROSS JOIN LATERAL unnest(b.offsets_ms, b."values") AS s(offset_ms, value)
WHERE b.hour * 3600000::bigint + s.offset_ms >= r.from_ms
  AND b.hour * 3600000::bigint + s.offset_ms < r.to_ms
ORDER BY 3
$$;

COMMENT ON FUNCTION analytics.samples_between IS
'Samples of one series with from <= time < to, ascending. Opens only the blocks of that range.';
"""

BACKWARD = """
DROP FUNCTION analytics.samples_between(text, text, timestamptz, timestamptz);
DROP VIEW analytics.samples;
DROP SCHEMA analytics;
"""


class Migration(migrations.Migration):

    dependencies = [("ingest", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
