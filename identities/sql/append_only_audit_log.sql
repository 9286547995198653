-- Refuses UPDATE and DELETE of audit events. TRUNCATE and DROP TRIGGER are the owner's alone.

CREATE FUNCTION identities_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER identities_auditevent_append_only
    BEFORE UPDATE OR DELETE ON identities_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION identities_refuse_audit_change();
