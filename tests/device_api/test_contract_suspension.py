"""What staff do to a certificate or an identity holds from the next request on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.device_api.assertions import accepted, refused
from tests.support.devices import Device
from tests.support.stored_data import file_count

FILE = ("hr", "f", b"1526292559000,1\n")


def set_state(device: Device, state: str) -> None:
    DeviceCertificate.objects.filter(sha256=bytes.fromhex(device.sha256)).update(state=state)


@pytest.mark.parametrize("state", ["suspended", "revoked"])
def test_a_certificate_is_shut_out_and_let_in_at_once(
    bound: Device, identity: Identity, state: str
) -> None:
    accepted(bound.whoami())
    set_state(bound, state)
    refused(bound.whoami(), 403, f"certificate_{state}")
    refused(bound.upload(FILE), 403, f"certificate_{state}")
    assert file_count(identity) == 0
    set_state(bound, "active")
    accepted(bound.upload(FILE))


def test_an_inactive_identity_shuts_all_its_devices_out(
    bound: Device, new_bound: Callable[..., Device], identity: Identity
) -> None:
    devices = [bound, new_bound()]
    Identity.objects.filter(pk=identity.pk).update(is_active=False)
    for device in devices:
        refused(device.whoami(), 403, "identity_inactive")
        refused(device.upload(FILE), 403, "identity_inactive")
    assert file_count(identity) == 0
    Identity.objects.filter(pk=identity.pk).update(is_active=True)
    accepted(bound.upload(FILE))


def test_other_devices_of_the_identity_go_on(
    bound: Device, new_bound: Callable[..., Device]
) -> None:
    other = new_bound()
    set_state(bound, "revoked")
    refused(bound.whoami(), 403, "certificate_revoked")
    accepted(other.upload(FILE))


def test_files_stored_before_stay(bound: Device, identity: Identity) -> None:
    accepted(bound.upload(FILE))
    set_state(bound, "revoked")
    refused(bound.upload(FILE), 403, "certificate_revoked")
    assert file_count(identity, status="stored") == 1
