-- The objects of `analytics` that `analytics_study` lacked: hour_summaries, measurement_types and
-- series_interval. Roles of studies that exist already may read them too.

CREATE VIEW analytics_study.hour_summaries WITH (security_barrier) AS
SELECT s.* FROM analytics.hour_summaries s
WHERE s.identity_number = ANY ((SELECT analytics_study.identity_numbers())::bigint[]);

CREATE VIEW analytics_study.measurement_types AS
SELECT t.* FROM analytics.measurement_types t;

CREATE FUNCTION analytics_study.series_interval(in_identity text, in_name text)
RETURNS TABLE (interval_ms double precision, is_expected boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (
        SELECT 1 FROM public.identities_identity i WHERE lower(i.name) = lower(in_identity)
        AND i.id = ANY (analytics_study.identity_numbers())
    ) THEN
        RETURN QUERY SELECT * FROM analytics.series_interval(in_identity, in_name);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION analytics_study.series_interval(text, text) FROM PUBLIC;

DO $$
DECLARE
    reader text;
BEGIN
    FOR reader IN
        SELECT r.role FROM public.analysis_studyrole r JOIN pg_catalog.pg_roles p ON p.rolname = r.role
    LOOP
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA analytics_study TO %I', reader);
        EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA analytics_study TO %I', reader);
    END LOOP;
END
$$;
