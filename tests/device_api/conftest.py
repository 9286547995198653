"""An identity, its keys and registered devices for the tests of the device API."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Protocol

import pytest

from identities.credentials import issue_psk
from identities.models import Identity
from tests.support.devices import Device


class MakeDevice(Protocol):
    def __call__(self, **certificate: object) -> Device: ...


@pytest.fixture
def new_identity(live_db: None) -> Callable[[], Identity]:
    """Give a function that makes an identity with a name of its own."""
    return lambda: Identity.objects.create(name=f"device-api-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def identity(new_identity: Callable[[], Identity]) -> Identity:
    return new_identity()


@pytest.fixture
def new_key(identity: Identity) -> Callable[..., str]:
    """Return a function that issues a key, for ``identity`` by default."""

    def issue(of: Identity | None = None, max_uses: int = 1) -> str:
        return issue_psk(of or identity, max_uses=max_uses)[1]

    return issue


@pytest.fixture
def new_bound(make_device: MakeDevice, new_key: Callable[..., str]) -> Callable[..., Device]:
    """Give a function that makes a device and registers it."""

    def make(of: Identity | None = None, **certificate: object) -> Device:
        device = make_device(**certificate)
        answer = device.register(new_key(of))
        assert answer.status_code == 200, answer.text
        return device

    return make


@pytest.fixture
def bound(new_bound: Callable[..., Device]) -> Device:
    """Give a registered device of ``identity``."""
    return new_bound()
