"""A key is in no table and in no line of the log, whatever becomes of the attempt."""

from __future__ import annotations

import logging

import pytest
from django.db import connection

from identities.models import Identity
from ingest.parsing.certificates import ClientCertificate
from ingest.registration import RegistrationFailed
from tests.ingest.registration.steps import attempt, new_certificate


def every_row() -> str:
    """Return all that the database holds, as text."""
    texts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} t")  # noqa: S608
            texts += [row[0] for row in cursor.fetchall()]
    return "\n".join(texts)


@pytest.mark.usefixtures("identity")
def test_a_key_is_found_nowhere(
    psk: str, certificate: ClientCertificate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    attempt(certificate, psk)
    attempt(certificate, psk)
    mistyped = psk[:-1] + "!"
    for device, text in [(new_certificate(), psk), (certificate, mistyped)]:
        with pytest.raises(RegistrationFailed) as refused:
            attempt(device, text)
        assert psk[10:-1] not in repr(refused.value.__dict__)
    assert psk[:9] in every_row()
    for secret_part in (psk[10:-1], psk.encode().hex()[20:-2]):
        assert secret_part not in every_row()
        assert secret_part not in caplog.text


def test_a_password_pasted_by_mistake_is_not_stored(
    identity: Identity, certificate: ClientCertificate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(RegistrationFailed):
        attempt(certificate, "correct_horse_battery")
    assert "horse" not in every_row() + caplog.text
