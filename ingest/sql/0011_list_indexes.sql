-- Indexes of the lists and searches of certificates and attempts. Each has the order of a
-- list, or the condition of a filter that matches few rows.

CREATE INDEX certificate_not_after ON ingest_devicecertificate (not_after, id);
CREATE INDEX certificate_not_active ON ingest_devicecertificate (state, bound_at DESC, id DESC)
    WHERE state <> 'active';
CREATE INDEX certificate_superseded ON ingest_devicecertificate (bound_at DESC, id DESC)
    WHERE retires_at IS NOT NULL;

CREATE INDEX attempt_hint ON ingest_registrationattempt (psk_hint, id);
CREATE INDEX attempt_outcome ON ingest_registrationattempt (outcome, id);
CREATE INDEX attempt_request ON ingest_registrationattempt (request_id);

-- As in the migration of identities: without the extension searches read the table.
DO $$
DECLARE
    place text;
BEGIN
    SELECT quote_ident(n.nspname) INTO place
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    IF place IS NOT NULL THEN
        EXECUTE format('CREATE INDEX certificate_label ON ingest_devicecertificate USING gin '
            '(lower(label) %s.gin_trgm_ops)', place);
    END IF;
END
$$;
