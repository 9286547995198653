"""Errors of PostgreSQL during an upload, forced by a trigger, and the device's response."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.reliability.database import connect, fetch_value
from tests.reliability.load import measurement
from tests.support.devices import Device
from tests.support.stack import Stack

pytestmark = pytest.mark.slow

_TRIGGER = """
CREATE SEQUENCE attempts;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A sequence keeps counting when the transaction is rolled back.
    IF nextval('attempts') % {every} <> 0 THEN
        RAISE EXCEPTION 'forced' USING ERRCODE = '{sqlstate}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail BEFORE INSERT ON ingest_measurement
FOR EACH ROW WHEN (NEW.name = 'failing') EXECUTE FUNCTION fail();
"""
_NO_TRIGGER = "DROP TRIGGER fail ON ingest_measurement; DROP FUNCTION fail; DROP SEQUENCE attempts"


@contextmanager
def _failing(stack: Stack, sqlstate: str, every: int) -> Iterator[Callable[[], int]]:
    """Let all but each ``every``-th attempt to store fail; yield a counter of attempts."""
    with connect(stack) as session:
        session.execute(_TRIGGER.format(sqlstate=sqlstate, every=every).encode())
        try:
            yield lambda: int(fetch_value(session, "SELECT last_value FROM attempts"))
        finally:
            session.execute(_NO_TRIGGER)


def _send(device: Device, files: int) -> tuple[int, dict[str, object], str]:
    others = [(f"good-{number}", None, measurement(number)) for number in range(files - 1)]
    answer = device.upload(("failing", None, measurement(0)), *others)
    return answer.status_code, answer.json(), answer.headers.get("Retry-After", "")


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
@pytest.mark.parametrize("files", [1, 2])
def test_a_conflict_is_retried(
    own_stack: Stack, bind: Callable[[int], list[Device]], sqlstate: str, files: int
) -> None:
    (device,) = bind(1)
    with _failing(own_stack, sqlstate, every=3) as attempts:
        status, body, _ = _send(device, files)
        assert (status, attempts()) == (200, 3), body
    with connect(own_stack) as session:
        stored = "SELECT count(*) FROM ingest_measurement WHERE name = 'failing' AND id = %s"
        assert fetch_value(session, stored, body["files"][0]["id"]) == "1"  # type: ignore[index]


@pytest.mark.parametrize("files", [1, 2])
def test_a_permanent_conflict_is_a_retryable_503(
    own_stack: Stack, bind: Callable[[int], list[Device]], files: int
) -> None:
    (device,) = bind(1)
    with _failing(own_stack, "40001", every=1_000_000):
        status, body, retry_after = _send(device, files)
    assert (status, body["type"]) == (503, "urn:device-endpoint:database_unavailable")
    assert body["retryable"] is True
    assert 1 <= int(retry_after) <= 60
    assert _send(device, files)[0] == 200


@pytest.mark.parametrize("sqlstate", ["53100", "25006", "55P03", "57014", "58030"])
def test_a_failing_database_is_503(
    own_stack: Stack, bind: Callable[[int], list[Device]], sqlstate: str
) -> None:
    (device,) = bind(1)
    with _failing(own_stack, sqlstate, every=1_000_000):
        status, body, retry_after = _send(device, 1)
    assert (status, body["type"]) == (503, "urn:device-endpoint:database_unavailable")
    assert 1 <= int(retry_after) <= 60


def test_an_internal_error_is_503_with_a_delay_of_an_hour(
    own_stack: Stack, bind: Callable[[int], list[Device]]
) -> None:
    (device,) = bind(1)
    with _failing(own_stack, "22012", every=1_000_000):
        status, body, retry_after = _send(device, 1)
    assert (status, body["type"]) == (503, "urn:device-endpoint:internal_error")
    assert (body["retryable"], retry_after) == (True, "3600")
    assert _send(device, 1)[0] == 200
