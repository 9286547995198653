"""docs/reference/protocol.md tells the codes, limits and receipts that the code has."""

from __future__ import annotations

import inspect
import json
import re
import uuid
from pathlib import Path
from typing import get_args

from django.conf import settings as django_settings
from pytest_django import Settings

from ingest.api.limits import published_limits
from ingest.api.responses import INTERNAL_ERROR_RETRY_AFTER_SECONDS
from ingest.errors import CertificateRefusal, LaterRefusal, ProblemResponse
from ingest.parsing import (
    certificates,
    multipart_form,
    sample_file,
    sample_file_errors,
)
from ingest.parsing.certificate_policy import Reason
from ingest.parsing.certificates import UnreadableReason
from ingest.parsing.sample_file_errors import LineError
from ingest.receipts import Receipt, ReceiptStatus
from ingest.registration_throttle import WINDOW
from ingest.storage import disk_space, durability_check, transactions

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/reference/protocol.md").read_text()
ROW = re.compile(r"^\| `([a-z_]+)` \| (\d{3}) \| (yes|no) \|", re.MULTILINE)

Row = tuple[str, int, bool]


def _rows_below(line: str) -> set[Row]:
    table = PAGE.partition(line)[2].partition("\n\n")[2].partition("\n\n")[0]
    return {(code, int(status), word == "yes") for code, status, word in ROW.findall(table)}


def _refusals(base: type[ProblemResponse]) -> set[type[ProblemResponse]]:
    below = {found for child in base.__subclasses__() for found in _refusals(child)}
    return below or {base}


def test_the_applications_codes_are_those_of_its_refusals() -> None:
    expected = {(found.code, found.status, found.retryable) for found in _refusals(ProblemResponse)}
    assert _rows_below("Answers of the application:") == expected


def test_nginxs_codes_are_those_of_its_templates() -> None:
    templates = "".join(path.read_text() for path in (PROJECT / "nginx").glob("device*.template"))
    bodies = [json.loads(text) for text in re.findall(r"return \d{3} '(\{.*\})'", templates)]
    expected = {
        (body["type"].rpartition(":")[2], body["status"], body["retryable"]) for body in bodies
    }
    assert _rows_below("Answers of nginx, before the application is asked") == expected


def _problems_of_nginx() -> str:
    return (PROJECT / "nginx/device_error_responses.conf.template").read_text()


def _advice() -> dict[int, str]:
    """Return what the page tells a device to do after each status."""
    table = PAGE.partition("## What a device does")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]
    return {int(status): do for told, do in rows for status in re.findall(r"\d{3}", told)}


def test_a_device_is_told_what_to_do_after_every_answer_there_is() -> None:
    codes = _rows_below("Answers of the application:")
    codes |= _rows_below("Answers of nginx, before the application is asked")
    advice = _advice()
    assert set(advice) == {200} | {status for _, status, _ in codes}
    for code, status, retryable in codes:
        assert advice[status].startswith("keep the files") == retryable, code


def test_every_answer_that_asks_to_come_again_says_when() -> None:
    later = {refusal for refusal in _refusals(ProblemResponse) if refusal.status in (429, 503)}
    assert later == _refusals(LaterRefusal)
    for refusal in later:
        asked = inspect.signature(refusal).parameters["retry_after"]
        assert asked.default is inspect.Parameter.empty
    blocks = re.findall(r"^location .*?^}", _problems_of_nginx(), re.MULTILINE | re.DOTALL)
    saying = {block for block in blocks if "add_header Retry-After " in block}
    assert saying == {block for block in blocks if re.search(r"return (429|503) ", block)}
    told = {status for status, do in _advice().items() if "`Retry-After`" in do}
    assert told == {429, 503}


def test_what_is_wrong_with_a_certificate_is_final_for_a_registration() -> None:
    for refusal in _refusals(CertificateRefusal):
        assert issubclass(refusal, CertificateRefusal)
        told = refusal().at_registration()
        assert (told.status, told.retryable) == (400, False)


def _json_blocks() -> list[dict[str, object]]:
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)]


def test_the_limits_shown_are_those_published() -> None:
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
    told = {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert list(told) == list(published_limits())
    known = (PROJECT / "docs/reference/settings.md").read_text()
    for named in told.values():
        assert all(f"| `{setting}` |" in known for setting in re.findall(r"`(\w+)`", named))


def test_the_limits_that_nobody_sets_are_those_of_the_code() -> None:
    sentence = PAGE.partition("The same in every installation: ")[2].partition("\n\n")[0]
    assert [int(number) for number in re.findall(r"\d+", sentence)] == [
        django_settings.MAX_JSON_BYTES,
        multipart_form.MAX_PREAMBLE,
        multipart_form.MAX_BOUNDARY,
        sample_file.LISTED_ERRORS,
        sample_file_errors.MAX_GOT,
        certificates.MAX_DER_BYTES,
    ]


def test_the_pauses_told_are_those_asked_for() -> None:
    sentence = PAGE.partition("`Retry-After` is in whole seconds: ")[2].partition("\n\n")[0]
    assert [int(number) for number in re.findall(r"\d+", sentence)] == [
        WINDOW.total_seconds(),
        *transactions.RETRY_AFTER_SECONDS,
        *disk_space.RETRY_AFTER_SECONDS,
        durability_check.RETRY_AFTER_SECONDS,
        INTERNAL_ERROR_RETRY_AFTER_SECONDS,
    ]
    nginx = (PROJECT / "nginx/nginx.conf.template").read_text()
    spread = nginx.partition("split_clients $request_id $retry_after {")[2].partition("}")[0]
    pauses = [int(number) for number in re.findall(r" (\d+);", spread)]
    assert f"`Retry-After` is {min(pauses)} to {max(pauses)} |" in PAGE
    told = re.search(r"Retry-After (\d+) always", _problems_of_nginx())
    assert told
    assert f"`Retry-After` is {told[1]} |" in PAGE


def test_every_status_of_a_receipt_and_every_reason_is_told() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| `status` | "))
    assert set(re.findall(r"`(\w+)`", row)) == {"status", *get_args(ReceiptStatus)}
    row = next(line for line in PAGE.splitlines() if "`certificate_unacceptable` |" in line)
    assert set(re.findall(r"`(\w+)`", row.partition("`reason`")[2])) == {
        *get_args(Reason),
        *get_args(UnreadableReason),
    }


def test_every_key_of_a_receipt_is_explained() -> None:
    errors: list[dict[str, object]] = []
    receipt = Receipt(uuid.uuid4(), "hr", "", b"", "rejected", 0, 0, 0, 0, None, None, errors)
    table = PAGE.partition("| key | is |")[2].partition("\n\n")[0]
    assert _first_cells(table) == list(receipt.as_json())


def _first_cells(table: str) -> list[str]:
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_the_receipt_shown_has_the_keys_of_a_receipt() -> None:
    receipt = Receipt(uuid.uuid4(), "hr", "", b"", "stored", 1, 1, 0, 0, 0, 0, None).as_json()
    shown = next(block for block in _json_blocks() if "files" in block)
    assert isinstance(shown["files"], list)
    assert list(shown["files"][0]) == list(receipt)


def test_the_keys_of_a_line_error_are_named() -> None:
    keys = LineError(1, 1, "", "").as_json()
    assert "{" + ", ".join(f'"{key}"' for key in keys) + "}" in PAGE


def test_the_error_shown_has_the_keys_of_an_error() -> None:
    shown = next(block for block in _json_blocks() if "type" in block)
    code = str(shown["type"]).rpartition(":")[2]
    refusal = next(found for found in _refusals(ProblemResponse) if found.code == code)
    expected = refusal(certificate={"sha256": "…"}).as_problem("…")
    assert list(shown) == list(expected)
    del shown["detail"], expected["detail"]
    assert shown == expected
