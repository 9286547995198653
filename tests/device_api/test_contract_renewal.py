"""POST {"roll": true}: a bound device renews its certificate by itself, with an overlap."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from identities.models import Identity, PreSharedKey
from ingest.models import DeviceCertificate
from tests.device_api.assertions import accepted, refused
from tests.device_api.conftest import MakeDevice
from tests.support.devices import Device

FILE = ("hr", "hr_1", b"1526292559214,95\n")


def request_key(device: Device) -> dict[str, str]:
    body = accepted(device.post(json={"roll": True}))
    assert set(body) == {"PSK", "expires_at"}
    return body


def row(device: Device) -> DeviceCertificate:
    return DeviceCertificate.objects.get(sha256=bytes.fromhex(device.sha256))


def test_a_renewal_key_has_one_use_one_hour_and_one_identity(
    bound: Device, identity: Identity
) -> None:
    answer = request_key(bound)
    key = PreSharedKey.objects.get(renewal__certificate=row(bound))
    assert (key.identity, key.max_uses, key.uses) == (identity, 1, 0)
    left = datetime.fromisoformat(answer["expires_at"]) - timezone.now()
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


def test_old_and_new_certificate_work_during_the_overlap(
    bound: Device, make_device: MakeDevice, identity: Identity
) -> None:
    new = make_device()
    body = accepted(new.register(request_key(bound)["PSK"]))
    assert body["identity"] == identity.name
    assert body["already_bound"] is False
    assert row(new).replaces == row(bound)
    retires_at = row(bound).retires_at
    assert retires_at is not None
    assert timedelta(days=6) < retires_at - timezone.now() <= timedelta(days=7)
    for device in (bound, new):
        accepted(device.whoami())


def test_the_old_certificate_is_refused_after_the_overlap(
    bound: Device, make_device: MakeDevice
) -> None:
    accepted(bound.upload(FILE))
    new = make_device()
    accepted(new.register(request_key(bound)["PSK"]))
    DeviceCertificate.objects.filter(pk=row(bound).pk).update(retires_at=timezone.now())
    refused(bound.upload(("hr", "hr_2", b"1526292559215,95\n")), 403, "certificate_revoked")
    refused(bound.whoami(), 403, "certificate_revoked")
    accepted(new.upload(("hr", "hr_2", b"1526292559215,95\n")))


def test_asking_again_closes_the_key_that_was_open(bound: Device, make_device: MakeDevice) -> None:
    first, second = request_key(bound)["PSK"], request_key(bound)["PSK"]
    new = make_device()
    refused(new.register(first), 400, "registration_failed")
    accepted(new.register(second))


def test_renew_and_roll_mean_the_same(bound: Device, make_device: MakeDevice) -> None:
    answer = accepted(bound.post(json={"renew": True}))
    assert set(answer) == {"PSK", "expires_at"}
    accepted(make_device().register(answer["PSK"]))
    refused(bound.post(json={"renew": False}), 400, "invalid_json")


@pytest.mark.parametrize("state", ["suspended", "revoked"])
def test_a_key_dies_with_the_trust_in_who_asked(
    bound: Device, make_device: MakeDevice, state: str
) -> None:
    psk = request_key(bound)["PSK"]
    old = row(bound)
    old.state = state
    old.save(update_fields=["state"])
    refused(bound.whoami(), 403, f"certificate_{state}")
    new = make_device()
    refused(new.register(psk), 400, "registration_failed")
    old.state = "active"
    old.save(update_fields=["state"])
    refused(new.register(psk), 400, "registration_failed")
    refused(new.whoami(), 403, "certificate_not_bound", "certificate")


def test_a_lost_successor_is_replaced_and_revoked(bound: Device, make_device: MakeDevice) -> None:
    lost, new = make_device(), make_device()
    accepted(lost.register(request_key(bound)["PSK"]))
    accepted(new.register(request_key(bound)["PSK"]))
    refused(lost.whoami(), 403, "certificate_revoked")
    accepted(new.whoami())
    refused(bound.post(json={"renew": True}), 403, "certificate_superseded")
    assert (row(lost).state, row(new).replaces) == ("revoked", row(bound))


def test_a_key_for_a_lost_successor_ends_when_it_is_found(
    bound: Device, make_device: MakeDevice
) -> None:
    found = make_device()
    accepted(found.register(request_key(bound)["PSK"]))
    psk = request_key(bound)["PSK"]
    accepted(found.upload(FILE))
    refused(make_device().register(psk), 400, "registration_failed")
    accepted(found.upload(FILE))


def test_the_first_request_is_recorded_once(bound: Device) -> None:
    assert row(bound).first_seen_at is None
    accepted(bound.upload(FILE))
    first = row(bound).first_seen_at
    assert first is not None
    accepted(bound.upload(FILE))
    accepted(bound.whoami())
    assert row(bound).first_seen_at == first


def test_an_unbound_device_cannot_renew(device: Device) -> None:
    refused(device.post(json={"roll": True}), 403, "certificate_not_bound", "certificate")


def test_a_wish_that_is_not_true_is_no_registration_either(bound: Device) -> None:
    for value in (False, 1, "true", None):
        refused(bound.post(json={"roll": value}), 400, "invalid_json")
