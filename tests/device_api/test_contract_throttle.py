"""Refused registrations: sixty a minute and certificate, then 429."""

from __future__ import annotations

from collections.abc import Callable

from identities.models import Identity
from tests.device_api.assertions import accepted, refused
from tests.device_api.conftest import MakeDevice
from tests.support.devices import Device


def test_sixty_refusals_throttle_one_certificate_and_no_other(
    device: Device, make_device: MakeDevice, new_key: Callable[..., str], identity: Identity
) -> None:
    for _ in range(60):
        refused(device.register("wrong"), 400, "registration_failed")
    psk = new_key()
    for key in ("wrong", psk):
        answer = device.register(key)
        refused(answer, 429, "too_many_requests")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert identity.keys.get().uses == 0
    refused(device.whoami(), 403, "certificate_not_bound", "certificate")
    accepted(make_device().register(psk))
