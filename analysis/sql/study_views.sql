-- The schema `analytics_study`: what a role that was made for one study may read, under the names
-- of the schema `analytics`. The study follows from session_user: in a SECURITY DEFINER function
-- current_user is its owner. Views have a security barrier, so that no condition of the reader is
-- evaluated on a row of another study (its error message could tell the row).

CREATE SCHEMA analytics_study;

CREATE FUNCTION analytics_study.study_numbers()
RETURNS bigint[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(array_agg(s.id), '{}')
FROM public.analysis_studyrole r
JOIN public.identities_study s ON s.id = r.study_id OR s.parent_id = r.study_id
WHERE r.role = session_user
$$;

CREATE FUNCTION analytics_study.identity_numbers()
RETURNS bigint[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(array_agg(DISTINCT p.identity_id), '{}')
FROM public.identities_studyidentity p
WHERE p.study_id = ANY (analytics_study.study_numbers())
$$;

CREATE VIEW analytics_study.identities WITH (security_barrier) AS
SELECT i.id AS identity_number, i.name::text AS identity, i.description, i.is_active, i.created_at
FROM public.identities_identity i
WHERE i.id = ANY ((SELECT analytics_study.identity_numbers())::bigint[]);

CREATE VIEW analytics_study.participations WITH (security_barrier) AS
SELECT s.name::text AS study, i.name::text AS identity, p.participant_code::text, p.starts_on,
       p.ends_on
FROM public.identities_studyidentity p
JOIN public.identities_study s ON s.id = p.study_id
JOIN public.identities_identity i ON i.id = p.identity_id
WHERE p.study_id = ANY ((SELECT analytics_study.study_numbers())::bigint[]);

CREATE VIEW analytics_study.samples WITH (security_barrier) AS
SELECT i.name::text AS identity,
       b.name::text AS name,
       'epoch'::timestamptz + s.time_us * interval '1 microsecond' AS "time",
       s.value,
       'epoch'::timestamptz + b.first_ms * interval '1 millisecond' AS block_first,
       'epoch'::timestamptz + b.last_ms * interval '1 millisecond' AS block_last
FROM analytics.blocks b
JOIN public.identities_identity i ON i.id = b.identity_number
CROSS JOIN LATERAL unnest(b.times_us, b."values") AS s(time_us, value)
WHERE b.identity_number = ANY ((SELECT analytics_study.identity_numbers())::bigint[]);

CREATE VIEW analytics_study.series WITH (security_barrier) AS
SELECT i.name::text AS identity, s.name, t.label, t.unit, t.loinc, s.samples,
       'epoch'::timestamptz + s.first_ms * interval '1 millisecond' AS first,
       'epoch'::timestamptz + s.last_ms * interval '1 millisecond' AS last
FROM (
    SELECT b.identity_number, b.name::text AS name, sum(b.sample_count)::bigint AS samples,
           min(b.first_ms) AS first_ms, max(b.last_ms) AS last_ms
    FROM analytics.blocks b
    WHERE b.identity_number = ANY ((SELECT analytics_study.identity_numbers())::bigint[])
    GROUP BY b.identity_number, b.name
) s
JOIN public.identities_identity i ON i.id = s.identity_number
LEFT JOIN LATERAL (
    SELECT m.label::text, m.unit::text, m.loinc::text FROM public.ingest_measurementtype m
    WHERE m.pattern = s.name
       OR (right(m.pattern, 1) = '*' AND starts_with(s.name, left(m.pattern, -1)))
    ORDER BY right(m.pattern, 1) = '*', length(m.pattern) DESC LIMIT 1
) t ON true;

CREATE VIEW analytics_study.hours WITH (security_barrier) AS
SELECT i.name::text AS identity, b.name::text AS name,
       'epoch'::timestamptz + b.hour_number * interval '1 hour' AS "time",
       sum(b.sample_count)::bigint AS samples, min(b.minimum) AS minimum,
       max(b.maximum) AS maximum, sum(b.total) / sum(b.sample_count) AS mean
FROM analytics.blocks b
JOIN public.identities_identity i ON i.id = b.identity_number
WHERE b.identity_number = ANY ((SELECT analytics_study.identity_numbers())::bigint[])
GROUP BY i.name, b.name, b.hour_number;

CREATE VIEW analytics_study.files WITH (security_barrier) AS
SELECT m.id, i.name::text AS identity, m.name::text AS name, m.received_at,
       m.status::text AS status, m.size, encode(m.sha256, 'hex') AS sha256, m.samples, m.new,
       m.identical, m.replaced,
       'epoch'::timestamptz + m.first_ms * interval '1 millisecond' AS first,
       'epoch'::timestamptz + m.last_ms * interval '1 millisecond' AS last,
       m.certificate_id AS device_number
FROM public.ingest_measurement m
JOIN public.identities_identity i ON i.id = m.identity_id
WHERE m.identity_id = ANY ((SELECT analytics_study.identity_numbers())::bigint[]);

CREATE VIEW analytics_study.devices WITH (security_barrier) AS
SELECT c.id AS device_number, i.name::text AS identity, c.label::text AS label,
       encode(c.sha256, 'hex') AS sha256, c.key_type::text AS key_type, c.state::text AS state,
       c.bound_at, c.not_after, c.retires_at
FROM public.ingest_devicecertificate c
JOIN public.identities_identity i ON i.id = c.identity_id
WHERE c.identity_id = ANY ((SELECT analytics_study.identity_numbers())::bigint[]);

CREATE FUNCTION analytics_study.samples_between(
    in_identity text, in_name text, in_from timestamptz, in_to timestamptz
)
RETURNS TABLE (identity text, name text, "time" timestamptz, value double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (
        SELECT 1 FROM public.identities_identity i WHERE lower(i.name) = lower(in_identity)
        AND i.id = ANY (analytics_study.identity_numbers())
    ) THEN
        RETURN QUERY SELECT * FROM analytics.samples_between(in_identity, in_name, in_from, in_to);
    END IF;
END
$$;

CREATE FUNCTION analytics_study.buckets_between(
    in_identity text, in_name text, in_from timestamptz, in_to timestamptz, in_width interval
)
RETURNS TABLE (
    "time" timestamptz, minimum double precision, maximum double precision,
    mean double precision, samples bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (
        SELECT 1 FROM public.identities_identity i WHERE lower(i.name) = lower(in_identity)
        AND i.id = ANY (analytics_study.identity_numbers())
    ) THEN
        RETURN QUERY
        SELECT * FROM analytics.buckets_between(in_identity, in_name, in_from, in_to, in_width);
    END IF;
END
$$;

CREATE FUNCTION analytics_study.days(
    in_identity text, in_name text, in_from date, in_to date, in_timezone text DEFAULT 'UTC'
)
RETURNS TABLE (
    date date, samples bigint, covered_seconds double precision,
    min double precision, max double precision, mean double precision, sd double precision,
    p5 double precision, median double precision, p95 double precision, resting double precision
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (
        SELECT 1 FROM public.identities_identity i WHERE lower(i.name) = lower(in_identity)
        AND i.id = ANY (analytics_study.identity_numbers())
    ) THEN
        RETURN QUERY SELECT * FROM analytics.days(in_identity, in_name, in_from, in_to, in_timezone);
    END IF;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA analytics_study FROM PUBLIC;

COMMENT ON SCHEMA analytics_study IS
'The views and functions of analytics for roles of one study: create_readonly_role --study.';
COMMENT ON VIEW analytics_study.participations IS
'One row for each identity of the study and of its sites, with its participant code and period.';
