-- Indexes of the lists and searches of the staff site and the analysis API. Each has the order of a
-- list, or the condition of a filter that matches few rows.

CREATE INDEX identity_created_at ON identities_identity (created_at, id);
CREATE INDEX identity_inactive ON identities_identity (lower(name)) WHERE NOT is_active;

CREATE INDEX psk_created_at ON identities_presharedkey (created_at, id);
CREATE INDEX psk_expires_at ON identities_presharedkey (expires_at, id);
CREATE INDEX psk_hint ON identities_presharedkey (hint varchar_pattern_ops);
CREATE INDEX psk_left ON identities_presharedkey (created_at, id)
    WHERE revoked_at IS NULL AND uses < max_uses;
CREATE INDEX psk_revoked ON identities_presharedkey (created_at, id) WHERE revoked_at IS NOT NULL;

CREATE INDEX audit_event_user ON identities_auditevent (username, id);
CREATE INDEX audit_event_action ON identities_auditevent (action, id);
CREATE INDEX audit_event_object_type ON identities_auditevent (object_type, id);
CREATE INDEX audit_event_address ON identities_auditevent (address, id);
CREATE INDEX audit_event_request ON identities_auditevent (request_id);

-- Parts of names and notes are found by trigrams. The extension is part of PostgreSQL's own
-- distributions, and the owner of a database may create it; without it searches read the table.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
    RAISE NOTICE 'pg_trgm is not available: searches by a part of a name are slower';
END
$$;

DO $$
DECLARE
    place text;
BEGIN
    SELECT quote_ident(n.nspname) INTO place
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    IF place IS NOT NULL THEN
        EXECUTE format('CREATE INDEX identity_text ON identities_identity USING gin '
            '(lower(name) %1$s.gin_trgm_ops, lower(description) %1$s.gin_trgm_ops)', place);
        EXECUTE format('CREATE INDEX psk_note ON identities_presharedkey USING gin '
            '(lower(note) %s.gin_trgm_ops)', place);
        EXECUTE format('CREATE INDEX audit_event_object ON identities_auditevent USING gin '
            '(lower(object_repr) %s.gin_trgm_ops)', place);
    END IF;
END
$$;
