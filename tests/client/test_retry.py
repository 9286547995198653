"""When a device retries, how long it waits, and when it stops."""

from __future__ import annotations

import json
import random

import pytest

from device_client.errors import (
    CertificateNotTrusted,
    DeviceError,
    ProblemResponse,
    ProtocolError,
    ServerUnreachable,
)
from device_client.responses import parse_problem, parse_retry_after
from device_client.retry import Backoff, RetryPolicy, can_be_accepted_later, is_transient
from tests.client.scripted_server import problem


def _make_problem(status: int, retryable: bool, retry_after: str = "") -> ProblemResponse:
    body = problem(status, "some_code", retryable)
    headers = {"Retry-After": retry_after} if retry_after else {}
    return ProblemResponse(parse_problem(status, headers, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("status", "transient", "kept"),
    [
        (503, True, True),
        (429, True, True),
        (502, True, True),
        (403, False, True),
        (404, False, True),
        (301, False, True),
        (400, False, False),
        (413, False, False),
        (415, False, False),
        (422, False, False),
    ],
)
def test_a_status_decides_without_a_readable_body(status: int, transient: bool, kept: bool) -> None:
    error = ProblemResponse(parse_problem(status, {}, b"<html>"))
    assert (is_transient(error), can_be_accepted_later(error)) == (transient, kept)


def test_retryable_outweighs_the_status() -> None:
    body = b'{"type": "urn:device-endpoint:x", "retryable": true}'
    early = ProblemResponse(parse_problem(400, {}, body))
    assert (is_transient(early), can_be_accepted_later(early)) == (False, True)  # as a 403


def test_a_wrong_address_costs_no_data() -> None:
    body = b'{"type": "urn:device-endpoint:not_found", "retryable": false}'
    assert can_be_accepted_later(ProblemResponse(parse_problem(404, {}, body)))


def test_missing_responses_are_transient_and_untrusted_is_not() -> None:
    assert is_transient(ServerUnreachable("gone"))
    assert is_transient(ProtocolError("a captive portal"))
    assert not is_transient(CertificateNotTrusted("not the server"))


def test_delays_grow_to_a_ceiling_with_full_jitter() -> None:
    rng = random.Random(1)  # noqa: S311
    backoff = Backoff(initial_seconds=1, max_seconds=60)
    for failures, ceiling in [(1, 1), (2, 2), (5, 16), (9, 60), (1000, 60)]:
        delays = [backoff.choose_delay(failures, None, rng) for _ in range(300)]
        assert max(delays) <= ceiling
        assert min(delays) < ceiling * 0.05
        assert max(delays) > ceiling * 0.95


def test_jitter_is_added_to_retry_after() -> None:
    rng = random.Random(1)  # noqa: S311
    delays = {Backoff().choose_delay(1, 7.0, rng) for _ in range(100)}
    assert min(delays) >= 7
    assert len(delays) == 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3", 3.0), ("0", 0.0), (" 12 ", 12.0), ("", None), ("-1", None), ("soon", None), ("²", None)],
)
def test_retry_after_is_read_as_whole_seconds(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text) == seconds


def _raise_next(errors: list[DeviceError]) -> str:
    if errors:
        raise errors.pop(0)
    return "done"


def test_a_transient_error_is_retried(retry_policy: RetryPolicy, delays: list[float]) -> None:
    errors: list[DeviceError] = [ServerUnreachable("gone"), _make_problem(503, True, "5")]
    assert retry_policy.run(lambda: _raise_next(errors)) == "done"
    assert len(delays) == 2
    assert delays[1] >= 5


def test_a_longer_retry_after_than_the_maximum_wait_fails(
    retry_policy: RetryPolicy, delays: list[float]
) -> None:
    with pytest.raises(ProblemResponse):
        retry_policy.run(lambda: _raise_next([_make_problem(503, True, "3600")]))
    assert delays == []


def test_a_permanent_error_is_not_retried(retry_policy: RetryPolicy, delays: list[float]) -> None:
    with pytest.raises(CertificateNotTrusted):
        retry_policy.run(lambda: _raise_next([CertificateNotTrusted("not the server")]))
    assert delays == []


def test_the_total_wait_is_bounded(retry_policy: RetryPolicy, delays: list[float]) -> None:
    with pytest.raises(ServerUnreachable):
        retry_policy.run(lambda: _raise_next([ServerUnreachable("gone")] * 1000))
    assert sum(delays) <= 100
