-- Indexes of the lists of studies: the identities of a study, parts of participant codes.

CREATE INDEX study_identity_study ON identities_studyidentity (study_id, identity_id);

DO $$
DECLARE
    place text;
BEGIN
    SELECT quote_ident(n.nspname) INTO place
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    IF place IS NOT NULL THEN
        EXECUTE format('CREATE INDEX study_identity_code ON identities_studyidentity USING gin '
            '(lower(participant_code) %s.gin_trgm_ops)', place);
    END IF;
END
$$;
