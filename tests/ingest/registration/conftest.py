"""An identity, its key and a certificate, for registering directly."""

from __future__ import annotations

import pytest

from identities.models import Identity
from ingest import registration_throttle
from ingest.parsing.certificates import ClientCertificate
from tests.ingest.registration.steps import issue_key, new_certificate


@pytest.fixture(autouse=True)
def fresh_throttled_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test begin as a process does that has throttled nobody yet."""
    monkeypatch.setattr(
        registration_throttle, "throttled", registration_throttle.ThrottledCounter()
    )


@pytest.fixture
def identity(db: None) -> Identity:
    return Identity.objects.create(name="bed-12")


@pytest.fixture
def other_identity(db: None) -> Identity:
    return Identity.objects.create(name="bed-13")


@pytest.fixture
def psk(identity: Identity) -> str:
    return issue_key(identity)


@pytest.fixture
def certificate() -> ClientCertificate:
    return new_certificate()
