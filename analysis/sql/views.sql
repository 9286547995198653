-- The views of the schema `analytics`.

CREATE VIEW analytics.identities AS
SELECT i.id AS identity_number, i.name::text AS identity, i.description, i.is_active, i.created_at
FROM identities_identity i;

CREATE VIEW analytics.samples AS
SELECT i.name::text AS identity,
       b.name::text AS name,
       'epoch'::timestamptz + s.time_us * interval '1 microsecond' AS "time",
       s.value,
       'epoch'::timestamptz + b.first_ms * interval '1 millisecond' AS block_first,
       'epoch'::timestamptz + b.last_ms * interval '1 millisecond' AS block_last
FROM ingest_sampleblock b
JOIN identities_identity i ON i.id = b.identity_id
CROSS JOIN LATERAL unnest(
    analytics.block_times_us(b.hour, b.encoding, b.offsets, b.sample_count), b."values"
) AS s(time_us, value);

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

COMMENT ON VIEW analytics.identities IS 'One row for each identity.';
COMMENT ON VIEW analytics.series IS 'One row for each series, with its unit and codes. Aggregates all blocks: filter on identity.';
COMMENT ON VIEW analytics.hours IS
'One row for each series and UTC hour with samples, computed from block summaries: a year has 8,760 rows. Filter on identity and name.';
COMMENT ON VIEW analytics.files IS 'One row for each measurement file: its receipt.';
COMMENT ON VIEW analytics.devices IS 'One row for each registered certificate.';
COMMENT ON VIEW analytics.samples IS
'Every sample. A filter on "time" alone reads all blocks: filter on block_first and block_last too, or use analytics.samples_between.';
