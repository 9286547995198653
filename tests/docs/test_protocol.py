"""docs/reference/protocol.md agrees with the code's problem types, limits and receipts."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import get_args

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from ingest.api.problem_json import PROBLEM_TYPES, CertificateRefused, ProblemResponse
from ingest.api.responses import INTERNAL_ERROR_RETRY_AFTER_SECONDS
from ingest.api.views import published_limits
from ingest.parsing import (
    certificates,
    measurement_file_errors,
    measurement_file_lines,
    multipart_form,
)
from ingest.parsing.certificate_policy import Reason
from ingest.parsing.certificates import UnreadableReason
from ingest.parsing.measurement_file_errors import LineError
from ingest.receipts import Receipt, ReceiptStatus
from ingest.registration_throttle import WINDOW
from ingest.storage import disk_space, durability_check, overlap_budget, transactions

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/reference/protocol.md").read_text()
ROW = re.compile(r"^\| `([a-z_]+)` \| (\d{3}) \| (yes|no) \|", re.MULTILINE)
APPLICATION = "Answers of the application:"
NGINX = "Answers of nginx, before the application receives the request, in the same form:"

Row = tuple[str, int, bool]


def _rows_below(line: str) -> set[Row]:
    assert line in PAGE
    table = PAGE.partition(line)[2].partition("\n\n")[2].partition("\n\n")[0]
    return {(code, int(status), word == "yes") for code, status, word in ROW.findall(table)}


def test_application_codes_are_those_of_the_problem_types() -> None:
    expected = {(problem.code, problem.status, problem.retryable) for problem in PROBLEM_TYPES}
    assert _rows_below(APPLICATION) == expected


def test_nginx_codes_are_those_of_its_templates() -> None:
    templates = "".join(path.read_text() for path in (PROJECT / "nginx").glob("device*.template"))
    bodies = [json.loads(text) for text in re.findall(r"return \d{3} '(\{.*\})'", templates)]
    expected = {
        (body["type"].rpartition(":")[2], body["status"], body["retryable"]) for body in bodies
    }
    assert _rows_below(NGINX) == expected


def _nginx_error_responses() -> str:
    return (PROJECT / "nginx/device_error_responses.conf.template").read_text()


def _advice() -> dict[int, str]:
    """Return the page's advice to devices by status."""
    table = PAGE.partition("## What a device does")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]
    return {
        int(status): advice for answer, advice in rows for status in re.findall(r"\d{3}", answer)
    }


def test_page_advises_devices_on_every_status() -> None:
    codes = _rows_below(APPLICATION) | _rows_below(NGINX)
    advice = _advice()
    assert set(advice) == {200} | {status for _, status, _ in codes}
    for code, status, retryable in codes:
        assert advice[status].startswith("keep the files") == retryable, code


def test_every_429_and_503_has_retry_after() -> None:
    temporary = [problem for problem in PROBLEM_TYPES if problem.status in (429, 503)]
    assert temporary
    for problem in temporary:
        with pytest.raises(TypeError):
            ProblemResponse(problem)
        assert ProblemResponse(problem, retry_after=1).retryable
    blocks = re.findall(r"^location .*?^}", _nginx_error_responses(), re.MULTILINE | re.DOTALL)
    with_header = {block for block in blocks if "add_header Retry-After " in block}
    assert with_header == {block for block in blocks if re.search(r"return (429|503) ", block)}
    advised = {status for status, advice in _advice().items() if "`Retry-After`" in advice}
    assert advised == {429, 503}


def test_certificate_problems_are_final_for_a_registration() -> None:
    of_certificates = [problem for problem in PROBLEM_TYPES if problem.status == 403]
    assert len(of_certificates) == 9
    for problem in of_certificates:
        refusal = CertificateRefused(problem).at_registration()
        is_early = problem.code == "certificate_not_yet_valid"
        assert (refusal.status, refusal.retryable) == (400, is_early)


def _json_blocks() -> list[dict[str, object]]:
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)]


def test_example_limits_are_the_published_ones() -> None:
    shown = next(block for block in _json_blocks() if "limits" in block)
    limits = shown["limits"]
    assert isinstance(limits, dict)
    published = published_limits()
    assert list(limits) == list(published)
    del published["latest_ms"]  # a day from now, whenever that is
    assert published.items() <= limits.items()


def test_every_limit_is_explained_with_its_setting(settings: Settings) -> None:
    settings.MAX_CERTIFICATES_PER_IDENTITY = 1
    settings.IDENTITY_DAILY_QUOTA_BYTES = 1
    table = PAGE.partition("| limit | setting |")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]
    explained = {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert list(explained) == list(published_limits())
    known = (PROJECT / "docs/reference/settings.md").read_text()
    for names in explained.values():
        assert all(f"| `{setting}` |" in known for setting in re.findall(r"`(\w+)`", names))


def test_fixed_limits_are_those_of_the_code() -> None:
    sentence = PAGE.partition("The same in every installation: ")[2].partition("\n\n")[0]
    assert [int(number) for number in re.findall(r"\d+", sentence)] == [
        django_settings.MAX_JSON_BYTES,
        multipart_form.MAX_PREAMBLE_BYTES,
        multipart_form.MAX_BOUNDARY_LENGTH,
        measurement_file_lines.MAX_LISTED_ERRORS,
        measurement_file_errors.MAX_GOT_LENGTH,
        certificates.MAX_DER_BYTES,
    ]


def test_retry_after_values_are_those_of_the_code() -> None:
    sentence = PAGE.partition("`Retry-After` is in whole seconds: ")[2].partition("\n\n")[0]
    assert [int(number) for number in re.findall(r"\d+", sentence)] == [
        WINDOW.total_seconds(),
        *transactions.RETRY_AFTER_SECONDS,
        *disk_space.RETRY_AFTER_SECONDS,
        *overlap_budget.RETRY_AFTER_SECONDS,
        durability_check.RETRY_AFTER_SECONDS,
        INTERNAL_ERROR_RETRY_AFTER_SECONDS,
    ]
    nginx = (PROJECT / "nginx/nginx.conf.template").read_text()
    clients = nginx.partition("split_clients $request_id $retry_after {")[2].partition("}")[0]
    seconds = [int(number) for number in re.findall(r" (\d+);", clients)]
    assert f"`Retry-After` is {min(seconds)} to {max(seconds)} |" in PAGE
    fixed = re.search(r"Retry-After (\d+) always", _nginx_error_responses())
    assert fixed
    assert f"`Retry-After` is {fixed[1]} |" in PAGE


def test_every_receipt_status_and_certificate_reason_is_listed() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| `status` | "))
    assert set(re.findall(r"`(\w+)`", row)) == {"status", *get_args(ReceiptStatus)}
    row = next(line for line in PAGE.splitlines() if "`certificate_unacceptable` |" in line)
    assert set(re.findall(r"`(\w+)`", row.partition("`reason`")[2])) == {
        *get_args(Reason),
        *get_args(UnreadableReason),
    }


def test_every_key_of_a_receipt_is_explained() -> None:
    receipt = Receipt(
        uuid.uuid4(), "hr", "", b"", "rejected", 0, 0, 0, 0, 0, 0, 1, None, None, [], []
    )
    table = PAGE.partition("| key | is |")[2].partition("\n\n")[0]
    assert _first_cells(table) == list(receipt.as_json())


def _first_cells(table: str) -> list[str]:
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_example_receipt_has_the_keys_of_a_receipt() -> None:
    receipt = Receipt(uuid.uuid4(), "hr", "", b"", "stored", 1, 1, 1, 0, 0, 0, 0, 0, 0).as_json()
    shown = next(block for block in _json_blocks() if "files" in block)
    assert isinstance(shown["files"], list)
    assert list(shown["files"][0]) == list(receipt)


def test_the_keys_of_a_line_error_are_named() -> None:
    keys = LineError(1, 1, "", "", 1).as_json()
    assert "{" + ", ".join(f'"{key}"' for key in keys) + "}" in PAGE


def test_example_problem_has_the_members_of_a_problem() -> None:
    shown = next(block for block in _json_blocks() if "type" in block)
    code = str(shown["type"]).rpartition(":")[2]
    problem = next(problem for problem in PROBLEM_TYPES if problem.code == code)
    expected = CertificateRefused(problem, certificate={"sha256": "…"}).as_json("…")
    assert list(shown) == list(expected)
    for member in ("detail", "server_time_ms"):
        del shown[member], expected[member]
    assert shown == expected
