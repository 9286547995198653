"""Assertions on the errors of the device API, from nginx or the service."""

from __future__ import annotations

import json
from typing import Any

from tests.support.devices import RawAnswer


def assert_problem(answer: RawAnswer, status: int, code: str, *, retryable: bool) -> Any:
    """Check an error answer and return its JSON."""
    found, headers, body = answer
    assert (found, headers["content-type"]) == (status, "application/problem+json")
    problem = json.loads(body)
    assert set(problem) >= {"type", "title", "status", "detail", "request_id", "retryable"}
    assert problem["type"] == f"urn:device-endpoint:{code}"
    assert (problem["status"], problem["retryable"]) == (status, retryable)
    assert problem["request_id"] == headers["x-request-id"]
    assert "nginx/" not in headers.get("server", "")
    return problem
