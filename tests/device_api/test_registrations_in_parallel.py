"""Registrations at the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.device_api.assertions import accepted, refused
from tests.device_api.conftest import MakeDevice
from tests.support.concurrency import at_once
from tests.support.devices import Device

NewKey = Callable[..., str]


def test_r31_eight_registrations_at_once_bind_a_device_once(
    make_device: MakeDevice, new_key: NewKey, identity: Identity
) -> None:
    first = make_device()
    again = [make_device(key=first.key, certificate=first.certificate) for _ in range(7)]
    psk = new_key()
    answers = at_once([partial(device.register, psk) for device in [first, *again]])
    bodies = [accepted(answer) for answer in answers]
    assert Counter(body["already_bound"] for body in bodies) == {False: 1, True: 7}
    assert identity.keys.get().uses == 1
    assert identity.certificates.count() == 1


def test_of_eight_devices_with_a_key_of_one_use_one_is_bound(
    make_device: MakeDevice, new_key: NewKey, identity: Identity
) -> None:
    for _ in range(5):
        devices: list[Device] = [make_device() for _ in range(8)]
        psk = new_key()
        answers = at_once([partial(device.register, psk) for device in devices])
        won = [device for device, one in zip(devices, answers, strict=True) if one.ok]
        lost = [one for one in answers if not one.ok]
        assert (len(won), len(lost)) == (1, 7)
        for answer in lost:
            refused(answer, 400, "registration_failed")
        bound = DeviceCertificate.objects.filter(bound_with=identity.keys.latest("id")).get()
        assert bound.fingerprint == won[0].sha256
