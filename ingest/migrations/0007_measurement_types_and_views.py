"""Measurement types, seeded for what wrist bands send; the views of ``analytics`` for readers.

The functions read views, not tables: a role that may read the views may call them, and needs
nothing else.
"""

import django.core.validators
from django.db import migrations, models

SEEDS = (
    {
        "pattern": "hr*",
        "label": "Heart rate",
        "unit": "/min",
        "loinc": "8867-4",
        "plausible_low": 20,
        "plausible_high": 250,
    },
    {
        "pattern": "hr_measurement",
        "label": "Heart rate",
        "unit": "/min",
        "loinc": "8867-4",
        "plausible_low": 20,
        "plausible_high": 250,
    },
    {
        "pattern": "ibi*",
        "label": "Interbeat interval",
        "unit": "ms",
        "plausible_low": 240,
        "plausible_high": 3000,
    },
)

VIEWS = """
CREATE VIEW analytics.identities AS
SELECT i.id AS identity_number, i.name::text AS identity, i.description, i.is_active, i.created_at
FROM identities_identity i;

CREATE VIEW analytics.blocks AS
SELECT b.identity_id AS identity_number, b.name::text AS name, b.hour AS hour_number,
       b.first_ms, b.last_ms, b.sample_count, b.minimum, b.maximum, b.total,
       b.offsets_ms, b."values"
FROM ingest_sampleblock b;

CREATE VIEW analytics.series AS
SELECT i.name::text AS identity, s.name::text AS name, t.label, t.unit, t.loinc, s.samples,
       'epoch'::timestamptz + s.first_ms * interval '1 millisecond' AS first,
       'epoch'::timestamptz + s.last_ms * interval '1 millisecond' AS last
FROM (
    SELECT b.identity_id, b.name, sum(b.sample_count)::bigint AS samples,
           min(b.first_ms) AS first_ms, max(b.last_ms) AS last_ms
    FROM ingest_sampleblock b GROUP BY b.identity_id, b.name
) s
JOIN identities_identity i ON i.id = s.identity_id
LEFT JOIN LATERAL (
    SELECT m.label::text, m.unit::text, m.loinc::text FROM ingest_measurementtype m
    WHERE m.pattern = s.name
       OR (right(m.pattern, 1) = '*' AND starts_with(s.name::text, left(m.pattern, -1)))
    ORDER BY right(m.pattern, 1) = '*', length(m.pattern) DESC LIMIT 1
) t ON true;

CREATE VIEW analytics.hours AS
SELECT i.name::text AS identity, b.name::text AS name,
       'epoch'::timestamptz + b.hour * interval '1 hour' AS "time",
       sum(b.sample_count)::bigint AS samples, min(b.minimum) AS minimum,
       max(b.maximum) AS maximum, sum(b.total) / sum(b.sample_count) AS mean
FROM ingest_sampleblock b JOIN identities_identity i ON i.id = b.identity_id
GROUP BY i.name, b.name, b.hour;

CREATE VIEW analytics.files AS
SELECT m.id, i.name::text AS identity, m.name::text AS name, m.received_at,
       m.status::text AS status, m.size, encode(m.sha256, 'hex') AS sha256, m.samples, m.new,
       m.identical, m.replaced,
       'epoch'::timestamptz + m.first_ms * interval '1 millisecond' AS first,
       'epoch'::timestamptz + m.last_ms * interval '1 millisecond' AS last,
       m.certificate_id AS device_number
FROM ingest_measurement m JOIN identities_identity i ON i.id = m.identity_id;

CREATE VIEW analytics.devices AS
SELECT c.id AS device_number, i.name::text AS identity, c.label::text AS label,
       encode(c.sha256, 'hex') AS sha256, c.key_type::text AS key_type, c.state::text AS state,
       c.bound_at, c.not_after, c.retires_at
FROM ingest_devicecertificate c JOIN identities_identity i ON i.id = c.identity_id;

COMMENT ON VIEW analytics.identities IS 'One row an identity: whose data there is.';
COMMENT ON VIEW analytics.blocks IS
'Up to 8,192 samples of one series and one UTC hour; what the functions read. offsets_ms count from hour_number * 3,600,000.';
COMMENT ON VIEW analytics.series IS 'One row a series, with its unit and codes. Adds up all blocks that it shows: filter on identity.';
COMMENT ON VIEW analytics.hours IS
'One row for each series and UTC hour with samples, made from summaries: a year is 8,760 rows. Filter on identity and name.';
COMMENT ON VIEW analytics.files IS 'One row a file: its receipt.';
COMMENT ON VIEW analytics.devices IS 'One row a bound certificate.';
"""

BETWEEN = """
CREATE OR REPLACE FUNCTION analytics.samples_between(
    in_identity text, in_name text, in_from timestamptz, in_to timestamptz
)
RETURNS TABLE (identity text, name text, "time" timestamptz, value double precision)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
WITH range AS (
    SELECT i.{id} AS id,
           i.{name}::text AS identity,
           ceil(extract(epoch FROM in_from) * 1000)::bigint AS from_ms,
           ceil(extract(epoch FROM in_to) * 1000)::bigint AS to_ms
    FROM {identities} i
    WHERE lower(i.{name}) = lower(in_identity)
)
SELECT r.identity,
       b.name::text,
       'epoch'::timestamptz + (b.{hour} * 3600000::bigint + s.offset_ms) * interval '1 millisecond',
       s.value
FROM range r
JOIN {blocks} b
  ON b.{identity_id} = r.id
 AND b.name = in_name
 AND b.{hour} BETWEEN floor(r.from_ms / 3600000.0)::int AND floor((r.to_ms - 1) / 3600000.0)::int
 AND b.first_ms < r.to_ms
 AND b.last_ms >= r.from_ms
CROSS JOIN LATERAL unnest(b.offsets_ms, b."values") AS s(offset_ms, value)
WHERE b.{hour} * 3600000::bigint + s.offset_ms >= r.from_ms
  AND b.{hour} * 3600000::bigint + s.offset_ms < r.to_ms
ORDER BY 3
$$;
"""
FROM_VIEWS = BETWEEN.format(
    id="identity_number", name="identity", identities="analytics.identities", hour="hour_number",
    blocks="analytics.blocks", identity_id="identity_number",
)
FROM_TABLES = BETWEEN.format(
    id="id", name="name", identities="identities_identity", hour="hour",
    blocks="ingest_sampleblock", identity_id="identity_id",
)

BUCKETS = """
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
found AS (
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
'One series summed up in buckets of a width, aligned to UTC: what a chart is drawn from. Blocks inside one bucket are not opened.';
"""

FORWARD = VIEWS + FROM_VIEWS + BUCKETS
BACKWARD = f"""
DROP FUNCTION analytics.buckets_between(text, text, timestamptz, timestamptz, interval);
{FROM_TABLES}
DROP VIEW analytics.devices;
DROP VIEW analytics.files;
DROP VIEW analytics.hours;
DROP VIEW analytics.series;
DROP VIEW analytics.blocks;
DROP VIEW analytics.identities;
"""


def seed(apps, schema_editor):
    types = apps.get_model("ingest", "MeasurementType")
    types.objects.using(schema_editor.connection.alias).bulk_create(
        types(**seed) for seed in SEEDS
    )


class Migration(migrations.Migration):

    dependencies = [
        ("identities", "0002_staff_actions"),
        ("ingest", "0006_compress_when_compacted"),
    ]

    operations = [
        migrations.CreateModel(
            "MeasurementType",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "pattern",
                    models.CharField(
                        "name",
                        max_length=65,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\*?\Z",
                                "A name as devices send it, or the beginning of one followed by *.",
                            )
                        ],
                        help_text="A measurement's name, or the beginning of names followed by *: hr*",
                    ),
                ),
                (
                    "label",
                    models.CharField(max_length=80, help_text="What people call it: Heart rate"),
                ),
                (
                    "unit",
                    models.CharField(
                        max_length=40,
                        blank=True,
                        help_text="UCUM code of the unit: /min, ms, Cel, mm[Hg], %",
                    ),
                ),
                (
                    "loinc",
                    models.CharField(
                        "LOINC code",
                        max_length=10,
                        blank=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                r"\A[0-9]{1,7}-[0-9]\Z", "Digits, a hyphen and one digit."
                            )
                        ],
                        help_text="Needed to export as FHIR: 8867-4 is heart rate.",
                    ),
                ),
                (
                    "plausible_low",
                    models.FloatField(
                        null=True,
                        blank=True,
                        help_text="Values below are marked as implausible, never dropped.",
                    ),
                ),
                (
                    "plausible_high",
                    models.FloatField(null=True, blank=True, help_text="The same above."),
                ),
                (
                    "expected_interval_s",
                    models.FloatField(
                        "expected interval (s)",
                        null=True,
                        blank=True,
                        validators=[django.core.validators.MinValueValidator(0.001)],
                        help_text="Seconds between samples while a device is worn. Empty: taken from the samples.",
                    ),
                ),
            ],
            options={"ordering": ["pattern"]},
        ),
        migrations.CreateModel(
            "Overview",
            [],
            options={
                "verbose_name": "overview",
                "verbose_name_plural": "overview",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("identities.identity",),
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
