"""Delete all data of one identity, and the identity itself, as people may ask for.

First it is shut out: devices are refused from that commit on. Uploads that were let in before
hold the lock of a series until they have committed, so those locks are waited for. Then the
series go, step by step, and at last, in one transaction, everything else. Killed at any moment
it leaves an identity without devices, and is finished by being run again.

The name is free afterwards. What stays is the record (by number, without a name), the audit
trail of what staff did, and backups until they are overwritten.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from identities.models import Identity, PreSharedKey
from ingest.maintenance import deletion
from ingest.maintenance.compaction import LAST_HOUR
from ingest.maintenance.deletion import Amount
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.maintenance.replay import series_names
from ingest.models import DataDeletion, DeviceCertificate

TIMEOUT_SECONDS = 120.0
POLL_INTERVAL_SECONDS = 0.05

_LOCK_HOLDERS = """
SELECT DISTINCT l.virtualtransaction
FROM pg_locks l
WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid()
  AND l.objsubid = 1  -- one number, as ours are; extensions take two, and may keep them
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
"""
_REST_OF_FILES = """
WITH gone AS (
    DELETE FROM ingest_measurement m WHERE m.identity_id = %s
    RETURNING octet_length(m.content) AS bytes
)
SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM gone
"""
_REST_OF_BLOCKS = """
WITH gone AS (DELETE FROM ingest_sampleblock WHERE identity_id = %s RETURNING sample_count)
SELECT count(*), coalesce(sum(sample_count), 0)::bigint FROM gone
"""
_ATTEMPTS = """
DELETE FROM ingest_registrationattempt WHERE identity_id = %(identity)s OR sha256 IN (
    SELECT c.sha256 FROM ingest_devicecertificate c WHERE c.identity_id = %(identity)s)
"""
# Django's own log of the admin keeps what was done, and by whom, but not to whom.
_ADMIN_LOG = """
UPDATE django_admin_log l SET object_repr = '(forgotten)', change_message = ''
FROM django_content_type t
WHERE t.id = l.content_type_id AND (
    (t.app_label = 'identities' AND t.model = 'identity' AND l.object_id = %(identity)s::text)
    OR (t.app_label = 'identities' AND t.model = 'presharedkey' AND l.object_id IN (
        SELECT k.id::text FROM identities_presharedkey k WHERE k.identity_id = %(identity)s))
    OR (t.app_label = 'ingest' AND t.model = 'devicecertificate' AND l.object_id IN (
        SELECT c.id::text FROM ingest_devicecertificate c WHERE c.identity_id = %(identity)s)))
"""
_WITHDRAWALS = """
DELETE FROM ingest_withdrawal w USING ingest_measurement m
WHERE m.id = w.measurement_id AND m.identity_id = %(identity)s
"""
_ROLLS = """
DELETE FROM ingest_certificaterenewal r USING ingest_devicecertificate c
WHERE c.id = r.certificate_id AND c.identity_id = %(identity)s
"""
# Of certificates that were moved here, files of others still speak: those go back, revoked.
_GIVE_BACK = """
UPDATE ingest_devicecertificate c SET identity_id = before.moved_from_id, label = ''
FROM (
    SELECT DISTINCT ON (m.certificate_id) m.certificate_id, m.moved_from_id
    FROM ingest_certificatereassignment m
    WHERE m.moved_from_id <> %(identity)s ORDER BY m.certificate_id, m.id DESC
) before
WHERE before.certificate_id = c.id AND c.identity_id = %(identity)s
"""
_MOVES = """
UPDATE ingest_certificatereassignment SET
    moved_from_id = nullif(moved_from_id, %(identity)s),
    moved_to_id = nullif(moved_to_id, %(identity)s),
    reason = ''
WHERE %(identity)s IN (moved_from_id, moved_to_id)
"""
_MOVES_OF_CERTIFICATES = """
DELETE FROM ingest_certificatereassignment m USING ingest_devicecertificate c
WHERE c.id = m.certificate_id AND c.identity_id = %(identity)s
"""
_INCIDENTS = """
SELECT i.id FROM alerts_incident i
LEFT JOIN ingest_devicecertificate c ON c.id = i.certificate_id
WHERE %(identity)s IN (i.identity_id, c.identity_id)
"""
_EVERYTHING_ELSE = (
    f"DELETE FROM alerts_notificationitem WHERE incident_id IN ({_INCIDENTS})",  # noqa: S608
    f"DELETE FROM alerts_incident WHERE id IN ({_INCIDENTS})",  # noqa: S608
    "DELETE FROM ingest_dailyusage WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_prunewatermark WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_sampleconflict WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_retentionpolicy WHERE identity_id = %(identity)s",
    _ROLLS,
    _MOVES_OF_CERTIFICATES,
    "DELETE FROM ingest_devicecertificate WHERE identity_id = %(identity)s",
    "DELETE FROM identities_presharedkey WHERE identity_id = %(identity)s",
    "DELETE FROM identities_identity WHERE id = %(identity)s",
)


class StillWritingError(Exception):
    """Uploads that were let in before have not ended in time."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted, this run and those before it that were cut short."""

    record: DataDeletion


def erase(
    identity: Identity,
    *,
    by: str,
    reference: str = "",
    report: Callable[[Amount], None] = lambda amount: None,
) -> Erased:
    """Delete everything about ``identity``; ``reference`` (a request's number) is kept.

    ``report`` takes what was deleted by each step. Raises ``StillWritingError`` or
    ``django.db.Error``: to be run again then. Not to be called in a transaction.
    """
    record = _shut_out(identity, by, reference)
    _wait_for_uploads()
    for name in series_names(identity.pk):
        for amount in deletion.delete_before(identity.pk, name, LAST_HOUR, record):
            report(amount)
    _delete_the_rest(identity, record)
    record.refresh_from_db()
    return Erased(record)


def _shut_out(identity: Identity, by: str, reference: str) -> DataDeletion:
    with transaction_without_timeouts():
        Identity.objects.select_for_update().get(pk=identity.pk)
        Identity.objects.filter(pk=identity.pk).update(is_active=False)
        DeviceCertificate.objects.filter(identity=identity).update(
            state=DeviceCertificate.State.REVOKED, state_reason="forgotten"
        )
        PreSharedKey.objects.filter(identity=identity).revoke()
        record, _ = DataDeletion.objects.get_or_create(
            kind=DataDeletion.Kind.FORGET,
            identity_number=identity.pk,
            finished_at=None,
            defaults={"created_by": by[:150], "reference": reference[:200]},
        )
    return record


def _wait_for_uploads() -> None:
    """Wait for the transactions that hold a lock now: what comes later is refused."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    waited_for = _lock_holders()
    while waited_for:
        if time.monotonic() > deadline:
            raise StillWritingError("Uploads that were let in before have not ended; try again.")
        time.sleep(POLL_INTERVAL_SECONDS)
        waited_for &= _lock_holders()


def _lock_holders() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_HOLDERS)
        return {transaction for (transaction,) in cursor.fetchall()}


def _delete_the_rest(identity: Identity, record: DataDeletion) -> None:
    parameters = {"identity": identity.pk}
    with transaction_without_timeouts(), connection.cursor() as cursor:
        # Registrations that were let in before take a weaker lock on this row.
        cursor.execute(
            "SELECT 1 FROM identities_identity WHERE id = %(identity)s FOR UPDATE", parameters
        )
        cursor.execute(_GIVE_BACK, parameters)
        cursor.execute(_MOVES, parameters)
        cursor.execute(_WITHDRAWALS, parameters)
        cursor.execute(_REST_OF_FILES, [identity.pk])
        files, file_bytes = cursor.fetchone()
        cursor.execute(_REST_OF_BLOCKS, [identity.pk])
        blocks, samples = cursor.fetchone()
        cursor.execute(_ATTEMPTS, parameters)
        cursor.execute(_ADMIN_LOG, parameters)
        for statement in _EVERYTHING_ELSE:
            cursor.execute(statement, parameters)
        deletion.add_to(record, Amount(blocks, samples, files, file_bytes))
        DataDeletion.objects.filter(pk=record.pk).update(finished_at=timezone.now())
