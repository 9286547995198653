"""Erase an identity and all its data, as a person may request.

First the identity is shut out: devices are refused from that commit on. Uploads that were accepted
before hold the lock of a series until they commit, so erasure waits for the holders of these
locks. Then the series are deleted step by step, and in a last transaction everything else. If the
process dies at any moment, the identity is left without devices, and the next run finishes.

The name is free afterwards. What remains is the record (by number, without a name), the audit
log, and backups until they are overwritten.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from identities.models import Identity, PreSharedKey
from identities.studies import StudyIdentity
from ingest.maintenance import deletion, series_changes
from ingest.maintenance.compaction import LAST_HOUR
from ingest.maintenance.deletion import Amount
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.maintenance.replay import series_names
from ingest.models import DataDeletion, DeviceCertificate
from ingest.signals import identity_erased

TIMEOUT_SECONDS = 120.0
POLL_INTERVAL_SECONDS = 0.05

_LOCK_HOLDERS = """
SELECT DISTINCT l.virtualtransaction
FROM pg_locks l
WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid()
  AND l.objsubid = 1  -- keys of one bigint, as ours; extensions use two integers, and may keep them
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
"""
_REMAINING_FILES = """
WITH deleted AS (
    DELETE FROM ingest_measurement m WHERE m.identity_id = %s
    RETURNING octet_length(m.content) AS bytes
)
SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM deleted
"""
_REMAINING_BLOCKS = """
WITH deleted AS (
    DELETE FROM ingest_sampleblock WHERE identity_id = %s
    RETURNING name, sample_count, first_ms, last_ms
)
SELECT name, count(*), sum(sample_count)::bigint, min(first_ms), max(last_ms)
FROM deleted GROUP BY name
"""
_WITHDRAWALS = """
DELETE FROM ingest_withdrawal w USING ingest_measurement m
WHERE m.id = w.measurement_id AND m.identity_id = %s
"""
# Certificates that were reassigned to this identity are still referenced by files of the identity
# before it: they return there, revoked.
_PREVIOUS_IDENTITIES = """
SELECT DISTINCT ON (r.certificate_id) r.certificate_id, r.from_identity_id
FROM ingest_certificatereassignment r
WHERE r.certificate_id = ANY(%s) AND r.from_identity_id <> %s
ORDER BY r.certificate_id, r.id DESC
"""
_ANONYMISE_REASSIGNMENTS = """
UPDATE ingest_certificatereassignment SET
    from_identity_id = nullif(from_identity_id, %(identity)s),
    to_identity_id = nullif(to_identity_id, %(identity)s),
    reason = ''
WHERE %(identity)s IN (from_identity_id, to_identity_id)
"""
# Certificates that were reassigned from this identity keep neither its keys nor its certificates.
_REST = (
    "UPDATE ingest_devicecertificate SET bound_with_id = NULL WHERE bound_with_id = ANY(%(keys)s)",
    "UPDATE ingest_devicecertificate SET replaces_id = NULL"
    " WHERE replaces_id = ANY(%(certificates)s)",
    "DELETE FROM ingest_registrationattempt WHERE identity_id = %(identity)s"
    " OR sha256 = ANY(%(fingerprints)s)",
    "DELETE FROM ingest_certificaterenewal"
    " WHERE certificate_id = ANY(%(certificates)s) OR key_id = ANY(%(keys)s)",
    "DELETE FROM ingest_certificaterefusal WHERE certificate_id = ANY(%(certificates)s)",
    "DELETE FROM ingest_devicecontact WHERE certificate_id = ANY(%(certificates)s)",
    "DELETE FROM ingest_strangerrefusal WHERE sha256 = ANY(%(fingerprints)s)",
    "DELETE FROM ingest_certificatereassignment WHERE certificate_id = ANY(%(certificates)s)",
    "DELETE FROM ingest_hoursummary WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_daysummary WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_dailyusage WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_prunewatermark WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_sampleconflict WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_series WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_retentionpolicy WHERE identity_id = %(identity)s",
    "DELETE FROM ingest_devicecertificate WHERE identity_id = %(identity)s",
    "DELETE FROM identities_studyidentity WHERE identity_id = %(identity)s",
    "DELETE FROM identities_presharedkey WHERE identity_id = %(identity)s",
    "DELETE FROM identities_identity WHERE id = %(identity)s",
)


class UploadsStillRunning(Exception):
    """Uploads that were accepted before the identity was shut out have not ended in time."""


def erase(
    identity: Identity,
    *,
    by: str,
    reference: str = "",
    report: Callable[[Amount], None] = lambda amount: None,
) -> DataDeletion:
    """Delete everything about ``identity``; return the record, which keeps ``reference``.

    The record adds up the interrupted runs before this one. ``report`` receives what each step
    deleted. Raises ``UploadsStillRunning`` or ``django.db.Error``; run it again then. Not to be
    called in a transaction.
    """
    record = _shut_out(identity, by, reference)
    _wait_for_uploads()
    for name in series_names(identity.pk):
        for amount in deletion.delete_before(identity.pk, name, LAST_HOUR, record):
            report(amount)
    _delete_rest(identity, record)
    record.refresh_from_db()
    return record


def _shut_out(identity: Identity, by: str, reference: str) -> DataDeletion:
    with transaction_without_timeouts():
        Identity.objects.select_for_update().get(pk=identity.pk)
        Identity.objects.filter(pk=identity.pk).update(is_active=False)
        DeviceCertificate.objects.filter(identity=identity).update(
            state=DeviceCertificate.State.REVOKED, state_reason="erased"
        )
        PreSharedKey.objects.filter(identity=identity).revoke()
        record, _ = DataDeletion.objects.get_or_create(
            kind=DataDeletion.Kind.ERASURE,
            identity_number=identity.pk,
            finished_at=None,
            defaults={"created_by": by[:150], "reference": reference[:200]},
        )
    return record


def _wait_for_uploads() -> None:
    """Wait for the transactions that hold a lock now: later uploads are refused."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    running = _lock_holders()
    while running:
        if time.monotonic() > deadline:
            raise UploadsStillRunning(
                "Uploads that were accepted before have not ended; try again."
            )
        time.sleep(POLL_INTERVAL_SECONDS)
        running &= _lock_holders()


def _lock_holders() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_HOLDERS)
        return {transaction for (transaction,) in cursor.fetchall()}


def _delete_rest(identity: Identity, record: DataDeletion) -> None:
    with transaction_without_timeouts(), connection.cursor() as cursor:
        # Waits for those who hold identities.models.lock_identity. What they commit is deleted
        # below; those that come later find no identity.
        Identity.objects.select_for_update().get(pk=identity.pk)
        _return_certificates(identity)
        cursor.execute(_ANONYMISE_REASSIGNMENTS, {"identity": identity.pk})
        cursor.execute(_WITHDRAWALS, [identity.pk])
        cursor.execute(_REMAINING_FILES, [identity.pk])
        files, file_bytes = cursor.fetchone()
        cursor.execute(_REMAINING_BLOCKS, [identity.pk])
        blocks = samples = 0
        for name, block_count, sample_count, *ends in cursor.fetchall():
            blocks, samples = blocks + block_count, samples + sample_count
            series_changes.record(series_changes.Kind.ERASED, identity.pk, name, *ends)
        series_changes.forget(identity.pk)
        parameters = _keys_of_rows(identity)
        _anonymise_admin_log(parameters)
        identity_erased.send(
            sender=Identity, identity_id=identity.pk, certificate_ids=parameters["certificates"]
        )
        for statement in _REST:
            cursor.execute(statement, parameters)
        deletion.add_to(record, Amount(blocks, samples, files, file_bytes))
        DataDeletion.objects.filter(pk=record.pk).update(finished_at=timezone.now())


def _return_certificates(identity: Identity) -> None:
    # Citus updates no reference table from a local one: the keys are read first.
    certificates = list(_read_keys(DeviceCertificate, identity))
    with connection.cursor() as cursor:
        cursor.execute(_PREVIOUS_IDENTITIES, [certificates, identity.pk])
        previous = cursor.fetchall()
    for certificate_id, identity_id in previous:
        DeviceCertificate.objects.filter(pk=certificate_id).update(
            identity_id=identity_id, label=""
        )


def _keys_of_rows(identity: Identity) -> dict[str, Any]:
    # Read first and passed as arrays: Citus joins no local table with a reference table to write.
    certificates = dict(
        DeviceCertificate.objects.filter(identity=identity).values_list("pk", "sha256")
    )
    return {
        "identity": identity.pk,
        "certificates": list(certificates),
        "fingerprints": [bytes(digest) for digest in certificates.values()],
        "keys": _read_keys(PreSharedKey, identity),
        "participations": _read_keys(StudyIdentity, identity),
    }


def _read_keys(model: type[Model], identity: Identity) -> list[int]:
    return list(model._default_manager.filter(identity=identity).values_list("pk", flat=True))


def _anonymise_admin_log(parameters: dict[str, Any]) -> None:
    """Keep in Django's admin log what was done and by whom, but not to whom."""
    rows: list[tuple[type[Model], list[int]]] = [
        (Identity, [parameters["identity"]]),
        (PreSharedKey, parameters["keys"]),
        (DeviceCertificate, parameters["certificates"]),
        (StudyIdentity, parameters["participations"]),
    ]
    for model, keys in rows:
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(model),
            object_id__in=[str(key) for key in keys],
        ).update(object_repr="(erased)", change_message="")
