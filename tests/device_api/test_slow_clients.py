"""Slow and numerous connections do not keep others from being served (H21, H22, H25)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from urllib.parse import urlsplit

import pytest

from identities.models import Identity
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.device_api.conftest import MakeDevice
from tests.device_api.gunicorn_workers import device_workers
from tests.device_api.slow_clients import BODY, HEAD, Crowd
from tests.device_api.test_bad_certificates import padded, register
from tests.device_api.test_bad_http import REFUSED
from tests.device_api.tls_renegotiation import renegotiate
from tests.support.devices import Device, multipart
from tests.support.stack import Stack
from tests.support.stored_data import file_count

pytestmark = pytest.mark.slow

EACH = 30
TIMEOUT_SECONDS = 60.0  # far beyond nginx's own, for a machine with other things to do
AT_ONCE = 256  # connections of one address, the default


@pytest.fixture(autouse=True, scope="module")
def the_same_workers_before_and_after(stack: Stack) -> Iterator[None]:
    before = device_workers(stack)
    yield
    assert device_workers(stack) == before


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_h21_h22_slow_requests_are_cut_off_and_others_served(
    bound: Device, make_device: MakeDevice, held: ExitStack, identity: Identity
) -> None:
    stranger = make_device()
    heads, stalled = Crowd(stranger, HEAD + b"X-A: ", held), Crowd(bound, BODY, held)
    Crowd(stranger, b"", held).gather(EACH, tls=False)  # say nothing at all
    Crowd(stranger, b"", held).gather(EACH)  # say nothing after the handshake
    dripping = Crowd(bound, BODY, held)
    for crowd in (dripping, stalled, heads):
        crowd.gather(EACH)

    deadline = time.monotonic() + TIMEOUT_SECONDS
    uploads = 0
    while heads.connections or stalled.connections:
        assert time.monotonic() < deadline, (len(heads.connections), len(stalled.connections))
        for crowd in (heads, dripping):
            crowd.drip()
        for crowd in (heads, stalled, dripping):
            crowd.listen()
        file = ("hr", "f", b"%d,1\n" % (1_600_000_000_000 + uploads))
        assert only_receipt(accepted(bound.upload(file)))["status"] == "stored"
        uploads += 1
        time.sleep(0.2)

    assert uploads >= 3
    assert len(heads.answers) == len(stalled.answers) == EACH
    assert not any(b" 200 " in answer for answer in heads.answers + stalled.answers)
    # Who goes on, however slowly, is waited for: it costs a connection and no process.
    assert len(dripping.connections) == EACH
    assert file_count(identity) == uploads


def test_one_address_cannot_take_all_connections(
    bound: Device, held: ExitStack, identity: Identity
) -> None:
    crowd = Crowd(bound, BODY, held)
    crowd.gather(AT_ONCE)
    crowd.listen()
    assert not crowd.answers
    late = Crowd(bound, BODY, held)
    late.gather(20)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while late.connections:
        assert time.monotonic() < deadline
        late.listen()
        accepted(bound.whoami())
    assert all(answer.startswith(b"HTTP/1.1 429 ") for answer in late.answers)
    assert all(b"urn:device-endpoint:too_many_requests" in answer for answer in late.answers)
    for number in range(20):
        accepted(bound.upload(("hr", "f", b"%d,1\n" % (1_600_000_000_000 + number))))
    assert file_count(identity) == 20


def _broken_request(device: Device, case: tuple[bytes, int, str]) -> None:
    refused(device.raw(case[0]), case[1], case[2])


def _huge_certificate(make: MakeDevice, psk: str) -> None:
    refused(register(make(**padded(60_000)), psk), 400, "certificate_unacceptable", "reason")


def _too_many_parts(device: Device) -> None:
    parts = multipart([("hr", "f", b"")] * 20_000, "B")
    kind = {"Content-Type": "multipart/form-data; boundary=B"}
    refused(device.post(data=parts, headers=kind), 413, "too_many_files")


def _long_line(device: Device, size: int) -> None:
    refused(device.upload(("hr", "f", b"1" * size)), 422, "unreadable_file", "files")


def test_oversized_everything_at_once_disturbs_nobody(
    new_bound: Callable[..., Device],
    make_device: MakeDevice,
    new_key: Callable[..., str],
    new_identity: Callable[[], Identity],
) -> None:
    sender = new_bound(new_identity())
    other = new_identity()
    bound = new_bound(other)
    large = ("H9", "H10", "H12", "H15", "H17", "two media types and a large", "a method of 10 KB")
    broken = [case for name, case in REFUSED.items() if name.startswith(large)]
    bad: list[Callable[[], None]] = [partial(_broken_request, sender, case) for case in broken]
    bad += [partial(_huge_certificate, make_device, new_key()) for _ in range(3)]
    bad += [partial(_too_many_parts, new_bound()) for _ in range(3)]
    bad += [partial(_long_line, new_bound(), 3_000_000 + number) for number in range(3)]
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(act) for act in bad * 3]
        uploads = 0
        while uploads < 20 or not all(one.done() for one in running):
            file = ("hr", "f", b"%d,1\n" % (1_600_000_000_000 + uploads))
            assert only_receipt(accepted(bound.upload(file)))["status"] == "stored"
            uploads += 1
        for one in running:
            one.result()
    assert len(running) >= 60
    assert file_count(other) == uploads


def test_h25_no_second_handshake_is_granted(stack: Stack, bound: Device) -> None:
    port = urlsplit(stack.device_url).port
    assert port is not None
    assert not renegotiate(port)
    assert not renegotiate(stack.staff_port)
    accepted(bound.whoami())
