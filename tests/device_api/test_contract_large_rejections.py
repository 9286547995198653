"""A refusal reaches a device that sent a large body: it never becomes an error of nginx's."""

from __future__ import annotations

from tests.device_api.assertions import refused
from tests.device_api.conftest import MakeDevice
from tests.support.devices import Device

BIG = b"x" * 5_000_000
FORM = {"Content-Type": "multipart/form-data; boundary=B"}


def test_a_hundred_large_uploads_of_a_stranger_get_answers(device: Device) -> None:
    for _ in range(100):
        answer = device.post(data=BIG, headers=FORM)
        refused(answer, 403, "certificate_not_bound", "certificate")


def test_every_early_refusal_is_answered(make_device: MakeDevice, device: Device) -> None:
    anonymous = make_device(anonymous=True)
    for _ in range(10):
        refused(anonymous.post(data=BIG, headers=FORM), 403, "certificate_missing")
        refused(anonymous.request("PUT", data=BIG), 405, "method_not_allowed")
        refused(device.post(data=BIG), 415, "unsupported_media_type")
        answer = device.post(data=BIG, headers={"Content-Type": "application/json"})
        refused(answer, 413, "request_too_large")
        answer = device.request("GET", data=BIG)
        refused(answer, 403, "certificate_not_bound", "certificate")
