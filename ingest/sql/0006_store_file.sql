-- Stores one measurement file and the blocks of one series in one statement, and the row of each
-- series that is new.

CREATE OR REPLACE FUNCTION ingest_store_file(
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
    in_columns text[],
    in_series jsonb,
    -- lines, samples, new, identical, replaced, repeated, rounded
    in_counts integer[],
    in_first_ms bigint,
    in_last_ms bigint,
    in_is_overlaid boolean,
    in_block_ids uuid[],
    in_hours integer[],
    in_block_first_ms bigint[],
    in_block_last_ms bigint[],
    in_encodings integer[],
    in_offset_ends integer[],
    in_value_ends integer[],
    in_minima float8[],
    in_maxima float8[],
    in_totals float8[],
    in_offsets integer[],
    in_values float8[],
    OUT outcome text,
    OUT first_id uuid,
    OUT status text,
    OUT filename text,
    OUT errors jsonb,
    OUT series jsonb,
    OUT lines integer,
    OUT samples integer,
    OUT new integer,
    OUT identical integer,
    OUT replaced integer,
    OUT repeated integer,
    OUT rounded integer,
    OUT first_ms bigint,
    OUT last_ms bigint
)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    is_occupied boolean := false;
    series_names text[];
    series_name text;
BEGIN
    -- One writer a series. Each statement below sees all that the previous holder committed.
    PERFORM pg_advisory_xact_lock(in_series_lock);

    -- Read again under the lock, so that a revocation holds from its commit on.
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

    IF NOT in_is_overlaid AND in_first_ms IS NOT NULL THEN
        PERFORM 1
        FROM ingest_sampleblock b
        WHERE b.identity_id = in_identity
          AND b.name = in_name
          AND (b.hour, b.last_ms) >= ((in_first_ms / 3600000)::integer, in_first_ms)
          AND b.hour <= (in_last_ms / 3600000)::integer
          AND b.first_ms <= in_last_ms
        LIMIT 1;
        is_occupied := FOUND;
    END IF;

    IF NOT is_occupied THEN
        INSERT INTO ingest_measurement (
            id, identity_id, certificate_id, name, filename, content_type, size, sha256, content,
            received_at, sequence, status, errors, columns, series,
            lines, samples, new, identical, replaced, repeated, rounded, first_ms, last_ms
        ) VALUES (
            in_id, in_identity, in_certificate, in_name, in_filename, in_content_type, in_size,
            in_sha256, in_content, clock_timestamp(), nextval('ingest_measurement_sequence'),
            in_status, in_errors, in_columns, in_series,
            in_counts[1], in_counts[2], in_counts[3], in_counts[4], in_counts[5], in_counts[6],
            in_counts[7], in_first_ms, in_last_ms
        ) ON CONFLICT (identity_id, name, sha256) DO NOTHING;
        IF FOUND THEN
            FOR i IN 1 .. cardinality(in_hours) LOOP
                INSERT INTO ingest_sampleblock (
                    id, identity_id, name, hour, first_ms, last_ms, sample_count,
                    minimum, maximum, total, encoding, offsets, "values"
                ) VALUES (
                    in_block_ids[i], in_identity, in_name, in_hours[i],
                    in_block_first_ms[i], in_block_last_ms[i],
                    in_value_ends[i] - coalesce(in_value_ends[i - 1], 0),
                    in_minima[i], in_maxima[i], in_totals[i], in_encodings[i],
                    in_offsets[coalesce(in_offset_ends[i - 1], 0) + 1 : in_offset_ends[i]],
                    in_values[coalesce(in_value_ends[i - 1], 0) + 1 : in_value_ends[i]]
                );
            END LOOP;

            -- A known series costs a look-up and no write.
            IF in_columns IS NOT NULL THEN
                series_names := ARRAY(
                    SELECT c ->> 'name' FROM jsonb_array_elements(in_series) AS c
                    WHERE (c ->> 'samples')::integer > 0
                );
            ELSIF in_first_ms IS NOT NULL THEN
                series_names := ARRAY[in_name];
            END IF;
            FOREACH series_name IN ARRAY coalesce(series_names, '{}') LOOP
                PERFORM 1 FROM ingest_series s
                WHERE s.identity_id = in_identity AND s.name = series_name;
                IF NOT FOUND THEN
                    INSERT INTO ingest_series (identity_id, name)
                    VALUES (in_identity, series_name) ON CONFLICT DO NOTHING;
                END IF;
            END LOOP;

            outcome := 'stored';
            RETURN;
        END IF;
    END IF;

    -- Nearly every duplicate overlaps itself, so this runs only where the file does not fit.
    SELECT 'duplicate', m.id, m.status, m.filename, m.errors, m.series, m.lines, m.samples, m.new,
           m.identical, m.replaced, m.repeated, m.rounded, m.first_ms, m.last_ms
    INTO outcome, first_id, status, filename, errors, series, lines, samples, new,
         identical, replaced, repeated, rounded, first_ms, last_ms
    FROM ingest_measurement m
    WHERE m.identity_id = in_identity AND m.name = in_name AND m.sha256 = in_sha256;
    IF FOUND THEN
        RETURN;
    END IF;

    outcome := 'overlap';
END
$$;

COMMENT ON FUNCTION ingest_store_file IS
'Stores one file, its blocks and the rows of new series. outcome: stored; duplicate (the columns are the first receipt); overlap (blocks of the series lie in its time range: nothing was done); refused (the certificate may not upload).';
