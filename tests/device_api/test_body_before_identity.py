"""A long or chunked body is read only if it is an upload of a live certificate."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.device_api.assertions import accepted, only_receipt
from tests.device_api.conftest import MakeDevice
from tests.device_api.stalled_bodies import (
    FORM,
    LONG,
    SOME_OF_IT,
    answer_while_stalled,
    chunk,
    head,
    read_answer,
    spooled_bytes,
    spooled_sizes,
    stalled,
)
from tests.support.devices import Device, multipart
from tests.support.problem_details import assert_problem
from tests.support.stack import Stack, wait_until
from tests.support.stored_data import file_count

PATHS = ["/device_endpoint", "/device_endpoint/"]
LENGTHS = pytest.mark.parametrize("length", [LONG, None], ids=["long", "chunked"])
LINES = b"".join(b"%d,1\n" % (1_600_000_000_000 + 1000 * second) for second in range(9000))


def body_of(length: int | None) -> bytes:
    return SOME_OF_IT if length else chunk(SOME_OF_IT)


@pytest.fixture
def expired(make_device: MakeDevice) -> Device:
    """Give a device whose certificate nginx rejects: its requests reach @certificate_rejected."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return make_device(not_before=yesterday - timedelta(days=9), not_after=yesterday)


@LENGTHS
@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_certificate_is_refused_while_the_body_stalls(
    device: Device, path: str, length: int | None
) -> None:
    answer = answer_while_stalled(device, head(path=path, length=length) + body_of(length))
    problem = assert_problem(answer, 403, "certificate_not_bound", retryable=True)
    assert problem["certificate"] == {"sha256": device.sha256}
    assert "retry-after" not in answer[1]


@LENGTHS
@pytest.mark.parametrize("path", PATHS)
def test_no_certificate_is_refused_while_the_body_stalls(
    make_device: MakeDevice, path: str, length: int | None
) -> None:
    stranger = make_device(anonymous=True)
    answer = answer_while_stalled(stranger, head(path=path, length=length) + body_of(length))
    assert_problem(answer, 403, "certificate_missing", retryable=True)


@LENGTHS
@pytest.mark.parametrize("path", PATHS)
def test_a_rejected_certificate_is_refused_while_the_body_stalls(
    expired: Device, path: str, length: int | None
) -> None:
    answer = answer_while_stalled(expired, head(path=path, length=length) + body_of(length))
    assert_problem(answer, 403, "certificate_expired", retryable=True)


@LENGTHS
def test_a_long_body_gets_the_members_that_a_short_one_gets(
    device: Device, make_device: MakeDevice, expired: Device, length: int | None
) -> None:
    for refused in (device, make_device(anonymous=True), expired):
        short = refused.raw(head(length=5) + b"--B--")
        long = answer_while_stalled(refused, head(length=length) + body_of(length))
        problems = [json.loads(answer[2]) for answer in (short, long)]
        for problem in problems:
            assert problem.pop("request_id")
            problem.pop("server_time_ms", None)
        assert problems[0] == problems[1]
        assert short[1].keys() - {"connection"} == long[1].keys() - {"connection"}


@pytest.mark.parametrize("state", ["suspended", "revoked"])
def test_a_certificate_that_staff_shut_out_sends_no_long_body(bound: Device, state: str) -> None:
    DeviceCertificate.objects.filter(sha256=bytes.fromhex(bound.sha256)).update(state=state)
    answer = answer_while_stalled(bound, head() + SOME_OF_IT)
    assert_problem(answer, 403, f"certificate_{state}", retryable=True)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("request_head", "expected"),
    [
        (
            {"method": "POST", "media_type": "application/json", "length": LONG},
            (413, "request_too_large"),
        ),
        (
            {"method": "POST", "media_type": "application/json", "length": 65_537},
            (413, "request_too_large"),
        ),
        (
            {"method": "POST", "media_type": "text/plain", "length": LONG},
            (415, "unsupported_media_type"),
        ),
        (
            {"method": "POST", "media_type": "text/plain", "length": None},
            (415, "unsupported_media_type"),
        ),
        (
            {"method": "POST", "media_type": "multipart/mixed; boundary=B", "length": LONG},
            (415, "unsupported_media_type"),
        ),
        ({"method": "PUT", "media_type": FORM, "length": LONG}, (405, "method_not_allowed")),
        ({"method": "DELETE", "media_type": FORM, "length": None}, (405, "method_not_allowed")),
    ],
)
def test_what_is_no_upload_is_refused_before_the_certificate(
    device: Device,
    expired: Device,
    path: str,
    request_head: dict[str, Any],
    expected: tuple[int, str],
) -> None:
    sent = head(path=path, **request_head) + body_of(request_head["length"])
    for sender in (device, expired):
        answer = answer_while_stalled(sender, sent)
        assert_problem(answer, *expected, retryable=False)
        assert (expected[0] == 405) == ("allow" in answer[1])


def test_a_get_is_refused_for_its_certificate_first(device: Device) -> None:
    sent = head(path="/device_endpoint", method="GET", media_type="", length=LONG) + body_of(LONG)
    answer = answer_while_stalled(device, sent)
    assert_problem(answer, 403, "certificate_not_bound", retryable=True)


@pytest.mark.parametrize("encoding", ["br", "deflate"])
def test_an_unknown_encoding_of_a_long_body_is_refused(device: Device, encoding: str) -> None:
    sent = head(more=f"Content-Encoding: {encoding}") + SOME_OF_IT
    answer = answer_while_stalled(device, sent)
    assert_problem(answer, 415, "unsupported_content_encoding", retryable=False)


def test_a_body_beyond_every_limit_is_413_at_each_location(device: Device, expired: Device) -> None:
    for sender in (device, expired):
        answer = answer_while_stalled(sender, head(length=10**11) + SOME_OF_IT)
        assert_problem(answer, 413, "request_too_large", retryable=False)


def test_a_chunked_registration_is_read_up_to_64_kib(
    make_device: MakeDevice, new_key: Callable[..., str]
) -> None:
    device = make_device()
    sent = head(media_type="application/json", length=None)
    too_long = answer_while_stalled(device, sent + chunk(b" " * 70_000))
    problem = assert_problem(too_long, 413, "request_too_large", retryable=False)
    assert "65536" in problem["detail"]
    body = json.dumps({"PSK": new_key()}).encode()
    assert device.raw(sent + chunk(body) + chunk(b""))[0] == 200


def test_a_chunked_registration_without_certificate_is_not_read(
    make_device: MakeDevice,
) -> None:
    sent = head(media_type="application/json", length=None) + chunk(b'{"PSK":')
    answer = answer_while_stalled(make_device(anonymous=True), sent)
    assert_problem(answer, 400, "certificate_missing", retryable=False)


@pytest.mark.parametrize("path", PATHS)
def test_a_live_certificate_uploads_long_and_chunked_bodies(
    bound: Device, identity: Identity, path: str
) -> None:
    body = multipart([("hr", "f", LINES)], "B")
    assert len(body) > 65_536
    status, _, answer = bound.raw(head(path=path, length=len(body)) + body)
    assert (status, json.loads(answer)["files"][0]["new"]) == (200, 9000)
    pieces = b"".join(chunk(body[at : at + 10_000]) for at in range(0, len(body), 10_000))
    status, _, answer = bound.raw(head(path=path, length=None) + pieces + chunk(b""))
    assert (status, json.loads(answer)["files"][0]["status"]) == (200, "duplicate")
    assert file_count(identity) == 1


@pytest.mark.parametrize("length", [65_536, 65_537])
def test_bodies_around_the_boundary_are_stored(bound: Device, length: int) -> None:
    line = b"1600000000000,1\n"
    empty_lines = b"\n" * (length - len(multipart([("hr", "f", line)], "B")))
    body = multipart([("hr", "f", line + empty_lines)], "B")
    assert len(body) == length
    status, _, answer = bound.raw(head(length=len(body)) + body)
    assert status == 200, answer


def test_a_device_that_waits_for_100_continue_is_refused_at_once(device: Device) -> None:
    answer = answer_while_stalled(device, head(more="Expect: 100-continue"))
    assert_problem(answer, 403, "certificate_not_bound", retryable=True)


def test_a_body_longer_than_its_length_is_no_second_request(bound: Device) -> None:
    body = multipart([("hr", "f", LINES)], "B")
    answer = bound.raw(head(length=len(body) - 10) + body)
    assert_problem(answer, 400, "invalid_multipart", retryable=False)


def test_a_body_shorter_than_its_length_stores_nothing(bound: Device, identity: Identity) -> None:
    body = multipart([("hr", "f", LINES)], "B")
    with stalled(bound, head(length=len(body) + 10) + body) as connection:
        connection.shutdown(2)
    assert file_count(identity) == 0


@pytest.mark.parametrize(
    "headers", ["Content-Type: text/plain", "X-Body-Length: 5", "X-Body-Method: GET"]
)
def test_a_client_cannot_answer_for_nginx(device: Device, headers: str) -> None:
    answer = answer_while_stalled(device, head(more=headers) + SOME_OF_IT)
    assert answer[0] in (400, 403, 415)
    assert json.loads(answer[2])["retryable"] == (answer[0] == 403)


@pytest.mark.parametrize("path", ["/body_check", "/body_check/", "/problem/refused_body"])
def test_the_check_has_no_address_outside(
    bound: Device, expired: Device, make_device: MakeDevice, path: str
) -> None:
    for sender in (bound, expired, make_device(anonymous=True)):
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        assert_problem(sender.raw(request), 404, "not_found", retryable=False)


@LENGTHS
def test_strangers_spool_nothing(
    stack: Stack, bound: Device, expired: Device, make_device: MakeDevice, length: int | None
) -> None:
    with ExitStack() as held:
        senders = (make_device(anonymous=True), make_device(), expired)
        sent = head(length=length) + body_of(length)
        open_ones = [
            held.enter_context(stalled(sender, sent)) for sender in senders for _ in range(12)
        ]
        for connection in open_ones:
            assert read_answer(connection)[0] == 403
        assert spooled_bytes(stack) == 0
        accepted(bound.upload(("hr", "f", LINES)))
        with stalled(bound, sent):  # what is looked for can be seen
            wait_until(lambda: spooled_bytes(stack) > 0, "the body of a live certificate")
    wait_until(lambda: spooled_bytes(stack) == 0, "its end")


def test_small_bodies_that_stall_stay_in_memory(stack: Stack, make_device: MakeDevice) -> None:
    with ExitStack() as held:
        for _ in range(12):
            sent = head(length=65_536) + SOME_OF_IT[:60_000]
            held.enter_context(stalled(make_device(anonymous=True), sent))
        accepted_by_nobody = make_device(anonymous=True).whoami()
        assert accepted_by_nobody.status_code == 403
        assert spooled_bytes(stack) == 0


def test_a_certificate_has_a_bounded_number_of_large_bodies(
    stack: Stack,
    bound: Device,
    new_bound: Callable[..., Device],
    new_identity: Callable[[], Identity],
) -> None:
    other = new_bound(new_identity())
    limit = accepted(bound.whoami())["limits"]["large_bodies_per_certificate"]
    with ExitStack() as held:
        for _ in range(limit):
            held.enter_context(stalled(bound, head() + SOME_OF_IT))
        # On a busy machine the next one could be admitted before one of these.
        wait_until(lambda: len(spooled_sizes(stack)) == limit, "a place for each")
        answer = answer_while_stalled(bound, head() + SOME_OF_IT)
        assert_problem(answer, 503, "service_unavailable", retryable=True)
        assert answer[1]["retry-after"] in {"5", "10", "15", "20", "30"}
        assert only_receipt(accepted(bound.upload(("hr", "f", b"1600000000000,1\n"))))
        assert only_receipt(accepted(other.upload(("hr", "f", LINES))))
    wait_until(lambda: bound.upload(("hr", "f", LINES)).status_code == 200, "a free place")
