-- Stores one measurement file, the blocks of all its series and the row of each series that is new,
-- in one statement.

ALTER TABLE ingest_sampleblock
    ALTER COLUMN time_steps SET STORAGE EXTERNAL,
    ALTER COLUMN integers SET STORAGE EXTERNAL,
    ALTER COLUMN small_integers SET STORAGE EXTERNAL;

CREATE TYPE ingest_new_block AS (
    id uuid,
    hour integer,
    first_ms bigint,
    last_ms bigint,
    sample_count integer,
    minimum float8,
    maximum float8,
    total float8,
    encoding smallint,
    name text,
    offsets integer[],
    time_steps smallint[],
    scale smallint,
    "values" float8[],
    integers integer[],
    small_integers smallint[]
);

DROP FUNCTION ingest_store_file;

CREATE FUNCTION ingest_store_file(
    -- advisory locks of the file's name and its series, in the order of their names
    in_locks bigint[],
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
    -- the series that have samples, each with its first and last time
    in_series_names text[],
    in_series_first_ms bigint[],
    in_series_last_ms bigint[],
    in_is_overlaid boolean,
    in_blocks ingest_new_block[],
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
    block ingest_new_block;
    series_name text;
BEGIN
    -- One writer a series. Each statement below sees all that the previous holder committed.
    PERFORM pg_advisory_xact_lock(l.lock) FROM unnest(in_locks) AS l(lock);

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

    IF NOT in_is_overlaid THEN
        FOR i IN 1 .. cardinality(in_series_names) LOOP
            PERFORM 1
            FROM ingest_sampleblock b
            WHERE b.identity_id = in_identity
              AND b.name = in_series_names[i]
              AND (b.hour, b.last_ms)
                  >= ((in_series_first_ms[i] / 3600000)::integer, in_series_first_ms[i])
              AND b.hour <= (in_series_last_ms[i] / 3600000)::integer
              AND b.first_ms <= in_series_last_ms[i]
            LIMIT 1;
            is_occupied := is_occupied OR FOUND;
        END LOOP;
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
            FOREACH block IN ARRAY in_blocks LOOP
                INSERT INTO ingest_sampleblock (
                    id, identity_id, name, hour, first_ms, last_ms, sample_count, minimum, maximum,
                    total, encoding, offsets, time_steps, scale, "values", integers, small_integers
                ) VALUES (
                    block.id, in_identity, block.name, block.hour, block.first_ms, block.last_ms,
                    block.sample_count, block.minimum, block.maximum, block.total, block.encoding,
                    block.offsets, block.time_steps, block.scale, block."values", block.integers,
                    block.small_integers
                );
            END LOOP;

            -- A known series costs a look-up and no write.
            FOREACH series_name IN ARRAY in_series_names LOOP
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
