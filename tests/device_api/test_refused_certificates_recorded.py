"""A registration refused for its certificate is found under its key, and tells nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from identities import keys
from identities.models import Identity
from ingest.models import RegistrationAttempt
from tests.device_api.assertions import refused
from tests.device_api.conftest import MakeDevice

NewKey = Callable[..., str]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
FOR_SERVERS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
REFUSED: dict[str, dict[str, object]] = {
    "certificate_missing": {"anonymous": True},
    "certificate_expired": {"not_before": NOW - 9 * DAY, "not_after": NOW - DAY},
    "certificate_not_yet_valid": {"not_before": NOW + DAY},
    "certificate_unacceptable": {"extensions": [FOR_SERVERS]},
}


@pytest.mark.parametrize("code", REFUSED)
def test_the_attempt_is_found_under_its_key(
    code: str, make_device: MakeDevice, new_key: NewKey, identity: Identity
) -> None:
    device, psk = make_device(**REFUSED[code]), new_key()
    extra = ["reason"] if code == "certificate_unacceptable" else []
    body = refused(device.register(psk), 400, code, *extra)
    attempt = RegistrationAttempt.objects.get(identity=identity)
    assert (attempt.outcome, attempt.psk_hint) == (code, keys.hint(psk))
    assert attempt.request_id == body["request_id"]
    fingerprint = None if code == "certificate_missing" else bytes.fromhex(device.sha256)
    assert (attempt.sha256 and bytes(attempt.sha256)) == fingerprint
    assert identity.keys.get().uses == 0
    wrong = refused(device.register(keys.generate(keys.PSK_PREFIX)), 400, code, *extra)
    for member in ("request_id", "server_time_ms"):
        del body[member], wrong[member]
    assert body == wrong
    refused(device.post(json={"PSK": 1}), 400, code, *extra)


def test_beyond_the_limit_the_answer_stays_and_nothing_is_stored(
    make_device: MakeDevice, new_key: NewKey, identity: Identity
) -> None:
    device, psk = make_device(not_before=NOW + DAY), new_key()
    limit = 60
    RegistrationAttempt.objects.bulk_create(
        RegistrationAttempt(outcome="psk_unknown", sha256=bytes.fromhex(device.sha256))
        for _ in range(limit)
    )
    refused(device.register(psk), 400, "certificate_not_yet_valid")
    assert not RegistrationAttempt.objects.filter(identity=identity).exists()
