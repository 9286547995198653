-- The number of the current transaction, for generated columns. It is called with the row's key only
-- so that PostgreSQL evaluates it for each row. IMMUTABLE is what a generated column requires: the
-- column keeps what the function returned when the row was inserted.

CREATE FUNCTION ingest_transaction(in_key uuid) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    RETURN pg_catalog.pg_current_xact_id()::pg_catalog.text::bigint;
END
$$;

CREATE FUNCTION ingest_transaction(in_key bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    RETURN pg_catalog.pg_current_xact_id()::pg_catalog.text::bigint;
END
$$;

COMMENT ON FUNCTION ingest_transaction(uuid) IS 'The number of the current transaction.';
COMMENT ON FUNCTION ingest_transaction(bigint) IS 'The number of the current transaction.';
