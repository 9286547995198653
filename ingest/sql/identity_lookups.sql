-- Functions that look up the series of one identity. Each statement in them names one identity,
-- so that it stays a single look-up by key where the tables are distributed by identity.

CREATE FUNCTION ingest_series_names(in_identity bigint) RETURNS SETOF text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    found text;
BEGIN
    -- A name may have many blocks: each step jumps over all of them in the index.
    SELECT b.name INTO found FROM ingest_sampleblock b
    WHERE b.identity_id = in_identity ORDER BY b.name LIMIT 1;
    WHILE found IS NOT NULL LOOP
        RETURN NEXT found;
        SELECT b.name INTO found FROM ingest_sampleblock b
        WHERE b.identity_id = in_identity AND b.name > found ORDER BY b.name LIMIT 1;
    END LOOP;
END
$$;

CREATE FUNCTION ingest_series_totals(
    in_identity bigint, in_name text,
    OUT samples bigint, OUT first_ms bigint, OUT last_ms bigint
)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    SELECT sum(b.sample_count)::bigint, min(b.first_ms), max(b.last_ms)
    INTO samples, first_ms, last_ms
    FROM ingest_sampleblock b WHERE b.identity_id = in_identity AND b.name = in_name;
END
$$;

CREATE FUNCTION ingest_last_sample_ms(in_identity bigint) RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    series text;
    found bigint;
    latest bigint;
BEGIN
    FOR series IN SELECT * FROM ingest_series_names(in_identity) LOOP
        SELECT b.last_ms INTO found FROM ingest_sampleblock b
        WHERE b.identity_id = in_identity AND b.name = series
        ORDER BY b.hour DESC, b.last_ms DESC LIMIT 1;
        latest := greatest(latest, found);
    END LOOP;
    RETURN latest;
END
$$;

CREATE FUNCTION ingest_last_rejected_at(in_identity bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    found timestamptz;
BEGIN
    SELECT m.received_at INTO found FROM ingest_measurement m
    WHERE m.identity_id = in_identity AND m.status = 'rejected' ORDER BY m.id DESC LIMIT 1;
    RETURN found;
END
$$;

COMMENT ON FUNCTION ingest_series_names IS 'Names under which an identity has samples, ascending.';
COMMENT ON FUNCTION ingest_series_totals IS 'Samples of a series, and the times of the first and the last; NULL without any.';
COMMENT ON FUNCTION ingest_last_sample_ms IS 'Time of the last sample of an identity, epoch milliseconds.';
COMMENT ON FUNCTION ingest_last_rejected_at IS 'When the last rejected file of an identity came.';

CREATE FUNCTION ingest_series_newest(in_identity bigint)
RETURNS TABLE (name text, last_ms bigint)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    FOR name IN SELECT ingest_series_names(in_identity) LOOP
        SELECT b.last_ms INTO last_ms FROM ingest_sampleblock b
        WHERE b.identity_id = in_identity AND b.name = ingest_series_newest.name
        ORDER BY b.hour DESC, b.last_ms DESC LIMIT 1;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ingest_series_newest IS
'The series of an identity, each with the time of its newest sample, epoch milliseconds.';
