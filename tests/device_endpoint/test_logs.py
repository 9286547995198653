"""The form of log lines, and the request id in nginx's and the services' logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import RequestFactory

from device_endpoint.logging_config import JsonFormatter, TextFormatter
from identities import request_id
from tests.support.devices import Device
from tests.support.stack import Stack, wait_until


@pytest.fixture
def in_request() -> Iterator[str]:
    request_id.begin(RequestFactory().get("/", headers={"X-Request-ID": "0123abcd"}))
    yield "0123abcd"
    request_id.end()


def _record(message: str, *arguments: object, fault: Exception | None = None) -> logging.LogRecord:
    trace = (type(fault), fault, None) if fault else None
    return logging.LogRecord("ingest", logging.WARNING, "f.py", 1, message, arguments, trace)


def test_a_text_line_ends_with_the_request_s_id(in_request: str) -> None:
    line = TextFormatter().format(_record("took %s", "a while"))
    assert line.endswith("WARNING ingest: took a while [0123abcd]")


def test_outside_of_a_request_there_is_no_id() -> None:
    request_id.end()  # The id of the last request of another test may still be set.
    assert TextFormatter().format(_record("took a while")).endswith("took a while")
    assert "request_id" not in json.loads(JsonFormatter().format(_record("took a while")))


def test_a_json_line_is_one_object_for_any_message(in_request: str) -> None:
    line = JsonFormatter().format(
        _record('two\nlines "quoted" \x1b[31m\u2028', fault=ValueError("no"))
    )
    assert "\n" not in line
    assert line.isascii()
    found = json.loads(line)
    assert found["message"] == 'two\nlines "quoted" \x1b[31m\u2028'
    assert found["request_id"] == in_request
    assert found["trace"].endswith("ValueError: no")
    assert (found["level"], found["logger"]) == ("WARNING", "ingest")
    assert found["time"].endswith("Z")


def _lines(stack: Stack, log: str, part: str) -> list[dict[str, Any]]:
    """Return the lines of a log that hold ``part``."""
    written = (stack.var_dir / "log" / log).read_text(errors="replace")
    whole = written.split("\n")[:-1]  # the last line may be half written
    return [json.loads(line) for line in whole if part in line]


def _of_request(stack: Stack, log: str, identifier: str) -> list[dict[str, Any]]:
    return [line for line in _lines(stack, log, identifier) if line["request_id"] == identifier]


def test_the_request_id_is_in_the_response_and_both_logs(stack: Stack, tmp_path: Path) -> None:
    device = Device(stack.device_url, stack.ca_file, tmp_path)
    secret = "dpsk_" + "A" * 33
    refused = device.register(secret)
    identifier = refused.json()["request_id"]
    assert refused.headers["X-Request-ID"] == identifier
    wait_until(lambda: _of_request(stack, "access.log", identifier), "the access log")
    (access,) = _of_request(stack, "access.log", identifier)
    assert (access["status"], access["service"]) == (400, "device")
    messages = [line["message"] for line in _of_request(stack, "device.log", identifier)]
    assert messages[-1].startswith("refused 400 psk_")
    assert messages[0].startswith("registration psk_")
    assert secret not in stack.logs()
    device.close()


def test_the_staff_site_logs_the_request_id(stack: Stack) -> None:
    status, headers, _ = stack.get_staff(f"/no-such-page-{uuid4()}")
    assert status == 404
    identifier = headers["X-Request-ID"]
    wait_until(lambda: _of_request(stack, "staff.log", identifier), "the staff site's log")


def test_gunicorn_s_own_lines_are_json_as_well(stack: Stack) -> None:
    for log in ("device.log", "staff.log"):
        for part in ("Starting gunicorn", "Booting worker"):
            lines = _lines(stack, log, part)
            assert {line["logger"] for line in lines} == {"gunicorn.error"}
