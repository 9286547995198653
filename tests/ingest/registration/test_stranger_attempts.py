"""Attempts without an identity are bounded in rows and rate, whatever addresses they come from."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest

from identities.models import Identity
from ingest import registration_throttle, stranger_attempts
from ingest.models import RegistrationAttempt
from ingest.registration import RegistrationFailed
from ingest.registration_throttle import ThrottledCounter
from ingest.stranger_attempts import StrangerRows
from tests.ingest.registration.steps import attempt, issue_key, new_certificate

pytestmark = pytest.mark.usefixtures("own_db")
PREFIX = int(IPv6Address("2001:db8::"))


@pytest.fixture(autouse=True)
def counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process begin to count, with bounds that a test reaches."""
    monkeypatch.setattr(stranger_attempts, "rows", StrangerRows(evict_every=5))
    monkeypatch.setattr(registration_throttle, "throttled", ThrottledCounter())
    monkeypatch.setattr(stranger_attempts, "MAX_ROWS", 20)


def guess(number: int) -> None:
    """Try an unknown key with a certificate and from a /64 of its own."""
    address = str(IPv6Address(PREFIX + (number << 64)))
    with pytest.raises(RegistrationFailed):
        attempt(new_certificate(), "dpsk_unknown", address=address)


def test_only_the_oldest_strangers_are_evicted() -> None:
    identity = Identity.objects.create(name="kept")
    used = issue_key(identity)
    attempt(new_certificate(), used)
    with pytest.raises(RegistrationFailed):
        attempt(new_certificate(), used)
    for number in range(60):
        guess(number)
    rows = RegistrationAttempt.objects
    assert rows.filter(identity=identity).count() == 2
    strangers = rows.filter(identity=None)
    assert 20 <= strangers.count() <= 25
    assert strangers.filter(address=str(IPv6Address(PREFIX + (59 << 64)))).exists()


def test_attempts_beyond_the_rate_share_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stranger_attempts.rows, "max_per_minute", 7)
    for number in range(30):
        guess(number)
    registration_throttle.throttled.recorded_at = None
    registration_throttle.throttled.record_when_due()
    rows = RegistrationAttempt.objects.filter(identity=None)
    assert rows.exclude(outcome="throttled").count() == 7
    assert sum(row.count for row in rows) == 30


def test_a_right_key_registers_whatever_strangers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stranger_attempts.rows, "max_per_minute", 0)
    guess(1)
    identity = Identity.objects.create(name="served")
    assert attempt(new_certificate(), issue_key(identity)).identity == "served"
    assert RegistrationAttempt.objects.filter(identity=identity).count() == 1
