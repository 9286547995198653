-- Binds a new certificate with a key that staff made, in one statement: the usual registration.
--
-- Returns the identity's name. Returns NULL, with nothing written, in every other case (an unknown
-- or unusable key, a certificate that is known, a renewal, …): ingest.registration decides those. A
-- key that was known once costs no more time than one that never was: neither locks a row here.
CREATE FUNCTION ingest_register_new(
    -- the advisory lock of the certificate
    in_lock bigint,
    in_now timestamptz,
    in_digest bytea,
    in_sha256 bytea,
    in_der bytea,
    in_subject text,
    in_key_type text,
    in_not_before timestamptz,
    in_not_after timestamptz,
    -- of the registration attempt
    in_psk_hint text,
    in_address text,
    in_request_id text,
    in_user_agent text,
    in_clock_offset_seconds bigint,
    OUT identity_name text
)
LANGUAGE plpgsql
AS $$
DECLARE
    key record;
BEGIN
    -- One registration of a certificate at a time: the second finds the binding of the first.
    PERFORM pg_advisory_xact_lock(in_lock);

    SELECT k.id, k.identity_id, k.note INTO key
    FROM identities_presharedkey k
    WHERE k.digest = in_digest
      AND k.revoked_at IS NULL
      AND k.expires_at > in_now
      AND k.uses < k.max_uses;
    IF NOT FOUND
       OR EXISTS (SELECT FROM ingest_devicecertificate c WHERE c.sha256 = in_sha256)
       OR EXISTS (SELECT FROM ingest_certificaterenewal r WHERE r.key_id = key.id)
    THEN
        RETURN;
    END IF;

    -- The identity stays until the commit: no key of the database's own holds it.
    SELECT i.name INTO identity_name
    FROM identities_identity i
    WHERE i.id = key.identity_id AND i.is_active
    FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    -- Of devices that race for the last use one finds the row. The clock has gone on since in_now
    -- where the certificate's lock was held.
    UPDATE identities_presharedkey k SET uses = k.uses + 1
    WHERE k.id = key.id
      AND k.revoked_at IS NULL
      AND k.expires_at > clock_timestamp()
      AND k.uses < k.max_uses;
    IF NOT FOUND THEN
        identity_name := NULL;
        RETURN;
    END IF;

    INSERT INTO ingest_devicecertificate (
        identity_id, sha256, der, subject, key_type, not_before, not_after, label, bound_at,
        bound_with_id, state, state_reason
    ) VALUES (
        key.identity_id, in_sha256, in_der, in_subject, in_key_type, in_not_before, in_not_after,
        key.note, in_now, key.id, 'active', ''
    );
    INSERT INTO ingest_registrationattempt (
        created_at, outcome, sha256, psk_hint, identity_id, address, request_id, user_agent,
        clock_offset_seconds, count
    ) VALUES (
        in_now, 'registered', in_sha256, in_psk_hint, key.identity_id, in_address::inet,
        in_request_id, in_user_agent, in_clock_offset_seconds, 1
    );
END
$$;
