"""Assertions that hold for every answer of the device API."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import requests

PROBLEM = {"type", "title", "status", "detail", "request_id", "retryable"}
RECEIPT = {
    "id",
    "name",
    "filename",
    "sha256",
    "status",
    "lines",
    "samples",
    "new",
    "identical",
    "replaced",
    "repeated",
    "first_ms",
    "last_ms",
}
LINE_ERROR = {"line", "column", "field", "got", "hint"}
RETRYABLE = {403, 408, 429, 503}

_REQUEST_ID = re.compile(r"[0-9a-f]{32}")
# JSON's own escapes keep control characters in; the rest may act on who shows the answer.
_ACTIVE = re.compile(rb"[^\x20-\x7e]|[<>&]")


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @classmethod
    def of(cls, response: requests.Response) -> Answer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return cls(response.status_code, headers, response.content)


def _answer(given: requests.Response | tuple[int, Mapping[str, str], bytes]) -> Answer:
    answer = Answer.of(given) if isinstance(given, requests.Response) else Answer(*given)
    # Small devices cannot read chunked answers.
    assert int(answer.headers["content-length"]) == len(answer.body)
    return answer


def accepted(given: requests.Response | tuple[int, Mapping[str, str], bytes]) -> dict[str, Any]:
    """Return the body of a 200."""
    answer = _answer(given)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/json"
    assert not _ACTIVE.search(answer.body), answer.body
    body = json.loads(answer.body)
    assert isinstance(body, dict)
    return body


def refused(
    given: requests.Response | tuple[int, Mapping[str, str], bytes],
    status: int,
    code: str,
    *extra: str,
) -> dict[str, Any]:
    """Return the body of a refusal with exactly this status, code and further members."""
    answer = _answer(given)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json", answer
    assert not _ACTIVE.search(answer.body), answer.body
    body: dict[str, Any] = json.loads(answer.body)
    assert body["type"] == f"urn:device-endpoint:{code}", body
    of_certificate = {"server_time_ms"} if code.startswith("certificate_") else set()
    assert set(body) == PROBLEM | of_certificate | set(extra), body
    assert body["status"] == status
    assert body["retryable"] is (status in RETRYABLE or code == "certificate_not_yet_valid")
    assert _REQUEST_ID.fullmatch(body["request_id"])
    assert answer.headers["x-request-id"] == body["request_id"]
    assert 0 < len(body["title"]) <= 60
    assert 0 < len(body["detail"]) <= 250
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert ("allow" in answer.headers) == (status == 405)
    assert len(answer.body) <= 1024 + 250 * len(listed_errors(body))
    return body


def listed_errors(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the line errors of all receipts in a body."""
    return [error for receipt in body.get("files", []) for error in receipt.get("errors", [])]


def only_receipt(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one receipt of an answer to an upload of one file."""
    [receipt] = body["files"]
    assert RECEIPT <= set(receipt) <= RECEIPT | {"rounded", "series", "errors"}
    assert ("errors" in receipt) == (receipt["status"] == "rejected")
    return dict(receipt)
