"""Fills a database with many identities, a tenth of them with devices, series and files."""

from __future__ import annotations

from django.db import connection

# %(n)s identities. Those of places 10, 20, … have a certificate, a file and the series hr; those of
# places 100, 200, … also temp.
_FILL = (
    """
    INSERT INTO identities_identity (name, description, is_active, created_at)
    SELECT 'p-' || lpad(i::text, 7, '0'), 'participant number ' || i, i %% 1000 <> 0,
           '2026-01-01'::timestamptz + i * interval '1 second'
    FROM generate_series(1, %(n)s) AS i
    """,
    """
    INSERT INTO identities_presharedkey
        (digest, hint, created_at, note, expires_at, max_uses, uses, identity_id)
    SELECT sha256(i.name::bytea), 'dek_' || substr(md5(i.name), 1, 4), i.created_at,
           'tablet ' || i.id, i.created_at + interval '90 days', 1, (i.id %% 2)::integer, i.id
    FROM identities_identity i
    """,
    """
    INSERT INTO ingest_devicecertificate
        (sha256, der, subject, key_type, not_before, not_after, label, bound_at, state,
         state_reason, identity_id)
    SELECT sha256(('c' || i.name)::bytea), '\\x00', 'CN=device', 'EC P-256', '2026-01-01',
           '2026-06-01'::timestamptz + i.id * interval '1 minute', 'strap ' || i.id,
           i.created_at, CASE WHEN i.id %% 1000 = 0 THEN 'revoked' ELSE 'active' END, '', i.id
    FROM identities_identity i WHERE right(i.name, 1) = '0'
    """,
    """
    INSERT INTO ingest_sampleblock
        (id, identity_id, name, hour, first_ms, last_ms, sample_count, minimum, maximum, total,
         offsets, "values", encoding)
    SELECT gen_random_uuid(), i.id, s.name, 470000, 1692000000000, 1692000001000, 2, 60, 61, 121,
           '{0,1000}', '{60,61}', 1
    FROM identities_identity i
    JOIN (VALUES ('hr', '0'), ('temp', '00')) AS s(name, ending)
      ON right(i.name, length(s.ending)) = s.ending
    """,
    """
    INSERT INTO ingest_series (identity_id, name)
    SELECT identity_id, name FROM ingest_sampleblock
    """,
    """
    INSERT INTO ingest_measurement
        (id, identity_id, certificate_id, name, filename, content_type, size, sha256, content,
         received_at, sequence, status, lines, samples, new, identical, replaced, repeated, rounded,
         first_ms, last_ms)
    SELECT (lpad(to_hex((extract(epoch FROM c.bound_at) * 1000)::bigint), 12, '0')
            || '7000' || '8000' || lpad(to_hex(c.id), 12, '0'))::uuid,
           c.identity_id, c.id, 'hr', 'hr' || c.id || '.txt', 'text/plain', 40,
           sha256(c.sha256), '\\x00', c.bound_at, c.id,
           CASE WHEN c.id %% 1000 = 0 THEN 'rejected' ELSE 'stored' END, 2, 2, 2, 0, 0, 0, 0,
           1692000000000, 1692000001000
    FROM ingest_devicecertificate c
    """,
    """
    INSERT INTO ingest_registrationattempt
        (created_at, outcome, sha256, psk_hint, identity_id, address, request_id, count)
    SELECT c.bound_at, CASE WHEN c.id %% 1000 = 0 THEN 'psk_expired' ELSE 'bound' END, c.sha256,
           'dek_' || substr(md5(c.label), 1, 4), c.identity_id, '192.0.2.7', md5(c.label), 1
    FROM ingest_devicecertificate c
    """,
    """
    INSERT INTO identities_auditevent
        (created_at, username, action, object_type, object_id, object_repr, changes, address,
         request_id)
    SELECT i.created_at, 'user' || i.id %% 100, 'add', 'identities.identity', i.id, i.name, '{}',
           '192.0.2.9', md5(i.name)
    FROM identities_identity i
    """,
    """
    INSERT INTO alerts_incident
        (kind, identity_id, name, detected_at, is_backfilling, outcome, ended_at)
    SELECT 'late', c.identity_id, 'hr', c.bound_at, false, '',
           CASE WHEN c.id %% 100 <> 0 THEN c.bound_at END
    FROM ingest_devicecertificate c
    """,
)


def fill(identities: int) -> None:
    """Fill the empty database, and give the planner its statistics."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in _FILL:
            cursor.execute(statement, {"n": identities})
        cursor.execute("VACUUM ANALYZE")
