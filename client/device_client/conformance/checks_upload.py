"""Uploads: whole or not at all, byte for byte, each once, with a receipt for every file."""

from __future__ import annotations

import gzip

from device_client.conformance.raw_http import Answer, expect
from device_client.conformance.target import (
    NAME,
    Subject,
    expect_problem,
    form,
    receipts,
)
from device_client.multipart import FilePart

RECEIPT_KEYS = {
    *("id", "name", "filename", "sha256", "status", "samples"),
    *("new", "identical", "replaced", "first_ms", "last_ms"),
}
ERROR_KEYS = {"line", "column", "got", "hint"}
BIG_LINES = 200_000  # 4 MB: more than what proxies allow, and hold in memory, by default


def receipts_are_whole(subject: Subject) -> None:
    """Each file gets a receipt with every key, in order, with the SHA-256 of its bytes."""
    subject.needs_registration()
    parts = subject.new_file(), subject.new_file(5)
    answer = subject.upload(*parts)
    expect(answer.status == 200, f"expected 200, found {answer.told()}")
    found = receipts(answer)
    expect(len(found) == 2, f"{len(found)} receipts for 2 files")
    expect(answer.json.get("request_id"), "no request_id is told")
    for part, receipt in zip(parts, found, strict=True):
        expect(set(receipt) == RECEIPT_KEYS, f"keys: {sorted(set(receipt) ^ RECEIPT_KEYS)}")
        expect(receipt["sha256"] == part.sha256, "the SHA-256 is not that of the bytes sent")
        lines = part.content.count(b"\n")
        counts = receipt["samples"], receipt["new"]
        expect(counts == (lines, lines), f"{lines} lines were counted as {counts}")


def same_file_is_duplicate(subject: Subject) -> None:
    """The same file again is a duplicate with the first receipt."""
    subject.needs_registration()
    part = subject.new_file()
    first, second = _one(subject.upload(part)), _one(subject.upload(part))
    expect(second.get("status") == "duplicate", f"it was {second.get('status')}")
    expect(second == {**first, "status": "duplicate"}, "its receipt differs from the first")


def bytes_arrive_unchanged(subject: Subject) -> None:
    """Line ends, a byte order mark and the file's name arrive as they were sent."""
    subject.needs_registration()
    content = b"\xef\xbb\xbf" + subject.new_file().content.replace(b"\n", b"\r\n")
    part = FilePart(NAME, "März 01.csv", content)
    receipt = _one(subject.upload(part))
    expect(receipt.get("sha256") == part.sha256, "the bytes were changed on their way")
    expect(receipt.get("filename") == part.filename, f"the name became {receipt.get('filename')!r}")


def cut_upload_stores_nothing(subject: Subject) -> None:
    """An upload that was cut anywhere is a 400 and stores nothing."""
    subject.needs_registration()
    part = subject.new_file(50)
    body, headers = form(part)
    for length in (0, 10, len(body) // 2, len(body) - 40, len(body) - 4):
        expect_problem(subject.device.ask("POST", body[:length], headers), 400, "invalid_multipart")
    status = _one(subject.upload(part)).get("status")
    expect(status == "stored", f"a cut upload was kept: the whole one was {status}")


def trailing_bytes_refused(subject: Subject) -> None:
    """More than CRLF after the end of an upload is a 400 and stores nothing."""
    subject.needs_registration()
    part = subject.new_file()
    body, headers = form(part)
    for tail in (b"x", b"\r\n\r\n", b"\x00", body):
        expect_problem(subject.device.ask("POST", body + tail, headers), 400, "invalid_multipart")
    status = _one(subject.upload(part)).get("status")
    expect(status == "stored", f"a refused upload was kept: the right one was {status}")


def bad_lines_are_named(subject: Subject) -> None:
    """A file that cannot be read is a 422 that names the line; the good one is stored."""
    subject.needs_registration()
    good, base = subject.new_file(), subject.new_file()
    bad = FilePart(NAME, "bad.csv", base.content + b"1526292559214;95\n")
    answer = subject.upload(good, bad)
    expect_problem(answer, 422, "unreadable_file")
    found = receipts(answer)
    statuses = [receipt.get("status") for receipt in found]
    expect(statuses == ["stored", "rejected"], f"the receipts say {statuses}")
    errors = found[1].get("errors")
    first = errors[0] if isinstance(errors, list) and errors else {}
    expect(isinstance(first, dict) and set(first) == ERROR_KEYS, "no errors with every key")
    expect(first.get("line") == 4, f"line 4 was told as line {first.get('line')}")


def gzip_is_inflated(subject: Subject) -> None:
    """An upload compressed with gzip is the same as one that is not."""
    subject.needs_registration()
    part = subject.new_file(100)
    body, headers = form(part)
    answer = subject.device.ask(
        "POST", gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
    )
    expect(_one(answer).get("sha256") == part.sha256, "the file is not the one that was sent")
    expect(_one(subject.upload(part)).get("status") == "duplicate", "plain, it is another file")


def big_upload_passes(subject: Subject) -> None:
    """An upload of 4 MB, far below the published limit, passes whole."""
    subject.needs_registration()
    part = subject.new_file(BIG_LINES)
    receipt = _one(subject.upload(part))
    expect(receipt.get("sha256") == part.sha256, "the bytes were changed on their way")
    expect(receipt.get("samples") == BIG_LINES, f"{receipt.get('samples')} of {BIG_LINES} lines")


def _one(answer: Answer) -> dict[str, object]:
    found = receipts(answer)
    expect(answer.status == 200 and len(found) == 1, f"expected 200, found {answer.told()}")
    return found[0]


CHECKS = (
    receipts_are_whole,
    same_file_is_duplicate,
    bytes_arrive_unchanged,
    cut_upload_stores_nothing,
    trailing_bytes_refused,
    bad_lines_are_named,
    gzip_is_inflated,
    big_upload_passes,
)
