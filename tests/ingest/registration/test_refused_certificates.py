"""Recording a registration whose certificate is refused: alike for every key, and never a fault."""

from __future__ import annotations

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from identities import keys
from identities.models import Identity
from ingest.device_requests import DeviceRequest
from ingest.models import RegistrationAttempt
from ingest.registration import record_refused_certificate
from ingest.registration_outcomes import Outcome
from tests.ingest.registration.steps import ADDRESS, uses_of


def record(psk: str, sha256: bytes | None = b"\x01" * 32) -> None:
    request = DeviceRequest(ADDRESS, "", None, "request-1")
    record_refused_certificate(Outcome.CERTIFICATE_EXPIRED, sha256, psk, request)


def test_the_statements_do_not_depend_on_the_key(identity: Identity, psk: str) -> None:
    statements = []
    for secret in (psk, keys.generate(keys.PSK_PREFIX), "mistyped"):
        with CaptureQueriesContext(connection) as captured:
            record(secret)
        statements.append([query["sql"].split()[0] for query in captured])
    assert statements[0] == statements[1] == statements[2]
    found = list(RegistrationAttempt.objects.order_by("id").values_list("identity_id", flat=True))
    assert found == [identity.pk, None, None]
    assert uses_of(identity) == [0]


def test_a_failed_write_is_no_fault(identity: Identity, psk: str) -> None:
    start = transaction.savepoint()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    record(psk)
    assert not RegistrationAttempt.objects.exists()
    transaction.savepoint_rollback(start)


def test_attempts_without_a_certificate_share_no_limit(identity: Identity, psk: str) -> None:
    RegistrationAttempt.objects.bulk_create(
        RegistrationAttempt(outcome="certificate_missing", address="192.0.2.9") for _ in range(60)
    )
    record(psk, None)
    assert RegistrationAttempt.objects.filter(identity=identity).exists()
