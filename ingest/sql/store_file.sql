-- Stores one measurement file and its blocks of samples in one statement.

CREATE SEQUENCE ingest_measurement_sequence;

CREATE FUNCTION ingest_store_file(
    in_series_lock bigint,
    in_identity bigint,
    in_certificate bigint,
    in_id uuid,
    in_name text,
    in_filename text,
    in_content_type text,
    in_size integer,
    in_sha256 bytea,
    in_content bytea,
    in_status text,
    in_errors jsonb,
    in_samples integer,
    in_new integer,
    in_identical integer,
    in_replaced integer,
    in_first_ms bigint,
    in_last_ms bigint,
    in_laid_over boolean,
    in_block_ids uuid[],
    in_hours integer[],
    in_ends integer[],
    in_minima float8[],
    in_maxima float8[],
    in_totals float8[],
    in_offsets_ms integer[],
    in_values float8[],
    OUT outcome text,
    OUT first_id uuid,
    OUT status text,
    OUT filename text,
    OUT errors jsonb,
    OUT samples integer,
    OUT new integer,
    OUT identical integer,
    OUT replaced integer,
    OUT first_ms bigint,
    OUT last_ms bigint
)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    occupied boolean := false;
BEGIN
    -- One writer a series. Each statement below sees all that the previous holder committed.
    PERFORM pg_advisory_xact_lock(in_series_lock);

    -- Looked up again under the lock, so that a revocation holds from its commit on.
    PERFORM 1
    FROM ingest_devicecertificate c
    JOIN identities_identity i ON i.id = c.identity_id
    WHERE c.id = in_certificate
      AND c.identity_id = in_identity
      AND c.state = 'active'
      AND (c.retires_at IS NULL OR c.retires_at > now())
      AND i.is_active;
    IF NOT FOUND THEN
        outcome := 'refused';
        RETURN;
    END IF;

    IF NOT in_laid_over AND in_first_ms IS NOT NULL THEN
        PERFORM 1
        FROM ingest_sampleblock b
        WHERE b.identity_id = in_identity
          AND b.name = in_name
          AND (b.hour, b.last_ms) >= ((in_first_ms / 3600000)::integer, in_first_ms)
          AND b.hour <= (in_last_ms / 3600000)::integer
          AND b.first_ms <= in_last_ms
        LIMIT 1;
        occupied := FOUND;
    END IF;

    IF NOT occupied THEN
        INSERT INTO ingest_measurement (
            id, identity_id, certificate_id, name, filename, content_type, size, sha256, content,
            received_at, sequence, status, errors, samples, new, identical, replaced, first_ms, last_ms
        ) VALUES (
            in_id, in_identity, in_certificate, in_name, in_filename, in_content_type, in_size,
            in_sha256, in_content, clock_timestamp(), nextval('ingest_measurement_sequence'),
            in_status, in_errors, in_samples, in_new, in_identical,
            in_replaced, in_first_ms, in_last_ms
        ) ON CONFLICT (identity_id, name, sha256) DO NOTHING;
        IF FOUND THEN
            FOR i IN 1 .. cardinality(in_hours) LOOP
                DECLARE
                    start integer := CASE WHEN i = 1 THEN 1 ELSE in_ends[i - 1] + 1 END;
                BEGIN
                    INSERT INTO ingest_sampleblock (
                        id, identity_id, name, hour, first_ms, last_ms, sample_count,
                        minimum, maximum, total, offsets_ms, "values", encoding
                    ) VALUES (
                        in_block_ids[i], in_identity, in_name, in_hours[i],
                        in_hours[i] * 3600000::bigint + in_offsets_ms[start],
                        in_hours[i] * 3600000::bigint + in_offsets_ms[in_ends[i]],
                        in_ends[i] - start + 1,
                        in_minima[i], in_maxima[i], in_totals[i],
                        in_offsets_ms[start:in_ends[i]], in_values[start:in_ends[i]], 1
                    );
                END;
            END LOOP;

            outcome := 'stored';
            RETURN;
        END IF;
    END IF;

    -- Nearly every duplicate overlaps itself: looked for only where the file does not fit.
    SELECT 'duplicate', m.id, m.status, m.filename, m.errors, m.samples, m.new, m.identical,
           m.replaced, m.first_ms, m.last_ms
    INTO outcome, first_id, status, filename, errors, samples, new, identical,
         replaced, first_ms, last_ms
    FROM ingest_measurement m
    WHERE m.identity_id = in_identity AND m.name = in_name AND m.sha256 = in_sha256;
    IF FOUND THEN
        RETURN;
    END IF;

    outcome := 'overlap';
END
$$;

COMMENT ON FUNCTION ingest_store_file IS
'Stores one file and its blocks. outcome: stored; duplicate (the columns are the first receipt); overlap (stored samples lie in its time range: nothing was done); refused (the certificate may not upload).';
