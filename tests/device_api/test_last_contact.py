"""The last accepted request of a device is kept for staff: program, address, clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from ingest.models import DeviceCertificate, DeviceContact, RegistrationAttempt
from tests.device_api.assertions import accepted
from tests.support.devices import Device

FILE = ("hr", "hr_1", b"1560279600000,60\n")


def contact_of(device: Device) -> DeviceContact | None:
    return DeviceContact.objects.filter(certificate__sha256=bytes.fromhex(device.sha256)).first()


def test_a_request_tells_program_address_and_clock(bound: Device) -> None:
    ahead = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    headers = {"User-Agent": "watch/2.1 (\x85 7)", "Date": ahead}
    accepted(bound.request("GET", headers=headers))
    found = contact_of(bound)
    assert found is not None
    assert found.user_agent.startswith("watch/2.1 (")
    assert "\x85" not in found.user_agent
    assert found.address == "127.0.0.1"
    assert abs((found.clock_offset_seconds or 0) - 7200) < 120


def test_one_contact_a_minute_is_written(bound: Device) -> None:
    accepted(bound.whoami())
    first = contact_of(bound)
    for number in range(8):  # more than there are processes
        accepted(bound.request("GET", headers={"User-Agent": f"other/{number}"}))
    again = contact_of(bound)
    assert first is not None
    assert again is not None
    assert (again.at, again.user_agent) == (first.at, first.user_agent)


def test_an_upload_is_a_contact(bound: Device) -> None:
    accepted(bound.upload(FILE))
    assert contact_of(bound) is not None


def test_a_date_that_is_none_is_no_offset(bound: Device) -> None:
    accepted(bound.request("GET", headers={"Date": "Thu, 99 Foo 99999999 25:61:61 GMT"}))
    found = contact_of(bound)
    assert found is not None
    assert found.clock_offset_seconds is None


def test_a_registration_tells_the_program_too(bound: Device) -> None:
    attempt = RegistrationAttempt.objects.get(sha256=bytes.fromhex(bound.sha256))
    assert attempt.user_agent.startswith("python-requests/")


def test_the_device_is_called_as_the_note_of_its_key(bound: Device) -> None:
    certificate = DeviceCertificate.objects.get(sha256=bytes.fromhex(bound.sha256))
    assert certificate.bound_with is not None
    assert certificate.label == certificate.bound_with.note
