-- The table of series: a row for each identity and name with samples.

INSERT INTO ingest_series (identity_id, name)
SELECT DISTINCT b.identity_id, b.name FROM ingest_sampleblock b;

CREATE OR REPLACE FUNCTION ingest_series_names(in_identity bigint) RETURNS SETOF text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY SELECT s.name::text FROM ingest_series s
    WHERE s.identity_id = in_identity ORDER BY s.name;
END
$$;
