"""A certificate that staff gave to another identity: from its next request on, and no earlier."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

from identities.models import Identity, PreSharedKey
from ingest.certificate_reassignment import reassign
from ingest.models import CertificateReassignment, DeviceCertificate, Measurement
from tests.device_api.assertions import accepted, refused
from tests.device_api.conftest import MakeDevice
from tests.support.concurrency import at_once
from tests.support.devices import Device
from tests.support.stored_data import file_count


def row(device: Device) -> DeviceCertificate:
    return DeviceCertificate.objects.get(sha256=bytes.fromhex(device.sha256))


def give(device: Device, to: Identity) -> CertificateReassignment:
    return reassign(row(device), to, by="ada", reason="the band changed wrists")


def file(number: int) -> tuple[str, str, bytes]:
    return ("hr", f"hr_{number}", f"{1526292559000 + number},{number}\n".encode())


def test_earlier_files_stay_and_later_ones_go_to_the_new_one(
    bound: Device, identity: Identity, new_identity: Callable[[], Identity]
) -> None:
    other = new_identity()
    for number in range(8):  # so that every process has cached the earlier identity
        accepted(bound.upload(file(number)))
    give(bound, other)
    for number in range(8, 16):
        accepted(bound.upload(file(number)))
    assert (file_count(identity), file_count(other)) == (8, 8)
    assert accepted(bound.whoami())["identity"] == other.name
    give(bound, identity)
    accepted(bound.upload(file(16)))
    assert (file_count(identity), file_count(other)) == (9, 8)


def test_several_files_of_a_request_go_together(
    bound: Device, identity: Identity, new_identity: Callable[[], Identity]
) -> None:
    other = new_identity()
    accepted(bound.upload(file(1)))
    give(bound, other)
    accepted(bound.upload(file(2), file(3)))
    assert (file_count(identity), file_count(other)) == (1, 2)


def test_while_it_is_moved_every_file_is_stored_once(
    new_bound: Callable[..., Device], identity: Identity, new_identity: Callable[[], Identity]
) -> None:
    other, device = new_identity(), new_bound()

    def send() -> list[int]:
        return [device.upload(file(number)).status_code for number in range(40)]

    def give_away() -> list[int]:
        moved = give(device, other)
        connection.close()
        return [moved.pk]

    statuses, _ = at_once([send, give_away])
    assert set(statuses) == {200}
    assert file_count(identity) + file_count(other) == 40
    assert file_count(other) > 0


def test_a_key_of_the_old_identity_does_not_bring_it_back(
    bound: Device,
    identity: Identity,
    new_identity: Callable[[], Identity],
    new_key: Callable[..., str],
) -> None:
    other = new_identity()
    give(bound, other)
    refused(bound.register(new_key(identity)), 400, "registration_failed")
    assert accepted(bound.register(new_key(other)))["already_bound"] is True


def test_an_earlier_renewal_key_is_revoked(
    bound: Device, new_identity: Callable[[], Identity], make_device: MakeDevice
) -> None:
    other, new = new_identity(), make_device()
    before = accepted(bound.post(json={"roll": True}))["PSK"]
    give(bound, other)
    refused(new.register(before), 400, "registration_failed")
    after = accepted(bound.post(json={"roll": True}))["PSK"]
    assert accepted(new.register(after))["identity"] == other.name
    assert PreSharedKey.objects.filter(identity=other, renewal__certificate=row(bound)).exists()


def test_the_old_files_still_name_their_certificate(
    bound: Device, identity: Identity, new_identity: Callable[[], Identity]
) -> None:
    accepted(bound.upload(file(1)))
    give(bound, new_identity())
    assert Measurement.objects.get(identity=identity).certificate == row(bound)
