"""When a device tries again, how long it waits, and when it stops."""

from __future__ import annotations

import json
import random

import pytest

from device_client.errors import BadAnswer, DeviceError, Refused, Unreachable, Untrusted
from device_client.responses import parse_problem, parse_retry_after
from device_client.retry import Backoff, Patience, is_worth_keeping, may_pass
from tests.client.scripted_server import problem


def _refused(status: int, retryable: bool, retry_after: str = "") -> Refused:
    body = problem(status, "some_code", retryable)
    headers = {"Retry-After": retry_after} if retry_after else {}
    return Refused(parse_problem(status, headers, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("status", "passes", "kept"),
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
def test_a_status_without_a_readable_body_is_understood_by_itself(
    status: int, passes: bool, kept: bool
) -> None:
    error = Refused(parse_problem(status, {}, b"<html>"))
    assert (may_pass(error), is_worth_keeping(error)) == (passes, kept)


def test_the_servers_word_on_retrying_outweighs_the_status() -> None:
    body = b'{"type": "urn:device-endpoint:x", "retryable": true}'
    assert is_worth_keeping(Refused(parse_problem(400, {}, body)))


def test_a_wrong_address_never_costs_data() -> None:
    body = b'{"type": "urn:device-endpoint:not_found", "retryable": false}'
    assert is_worth_keeping(Refused(parse_problem(404, {}, body)))


def test_what_has_no_answer_may_pass_and_what_is_not_trusted_does_not() -> None:
    assert may_pass(Unreachable("gone"))
    assert may_pass(BadAnswer("a captive portal"))
    assert not may_pass(Untrusted("not the server"))


def test_pauses_grow_to_a_ceiling_and_are_spread_over_all_of_it() -> None:
    chance = random.Random(1)  # noqa: S311
    backoff = Backoff(first=1, longest=60)
    for failures, ceiling in [(1, 1), (2, 2), (5, 16), (9, 60), (1000, 60)]:
        pauses = [backoff.pause(failures, None, chance) for _ in range(300)]
        assert max(pauses) <= ceiling
        assert min(pauses) < ceiling * 0.05
        assert max(pauses) > ceiling * 0.95


def test_a_pause_is_never_shorter_than_the_server_asked_and_has_jitter_on_top() -> None:
    chance = random.Random(1)  # noqa: S311
    pauses = {Backoff().pause(1, 7.0, chance) for _ in range(100)}
    assert min(pauses) >= 7
    assert len(pauses) == 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3", 3.0), ("0", 0.0), (" 12 ", 12.0), ("", None), ("-1", None), ("soon", None), ("²", None)],
)
def test_retry_after_is_read_as_whole_seconds(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text) == seconds


def _failing(errors: list[DeviceError]) -> str:
    if errors:
        raise errors.pop(0)
    return "done"


def test_patience_outlasts_trouble_that_passes(patience: Patience, pauses: list[float]) -> None:
    errors: list[DeviceError] = [Unreachable("gone"), _refused(503, True, "5")]
    assert patience.keep_trying(lambda: _failing(errors)) == "done"
    assert len(pauses) == 2
    assert pauses[1] >= 5


def test_patience_gives_up_where_the_server_asks_for_more_than_it_has(
    patience: Patience, pauses: list[float]
) -> None:
    with pytest.raises(Refused):
        patience.keep_trying(lambda: _failing([_refused(503, True, "3600")]))
    assert pauses == []


def test_patience_does_not_repeat_what_is_in_vain(patience: Patience, pauses: list[float]) -> None:
    with pytest.raises(Untrusted):
        patience.keep_trying(lambda: _failing([Untrusted("not the server")]))
    assert pauses == []


def test_patience_ends(patience: Patience, pauses: list[float]) -> None:
    with pytest.raises(Unreachable):
        patience.keep_trying(lambda: _failing([Unreachable("gone")] * 1000))
    assert sum(pauses) <= 100
