"""Uploads: atomic, unchanged, stored once, with a receipt for every file."""

from __future__ import annotations

import gzip

from device_client.conformance.raw_http import Response, expect
from device_client.conformance.target import (
    MEASUREMENT_NAME,
    Target,
    encode_form,
    expect_problem,
    get_receipts,
)
from device_client.multipart import FilePart

RECEIPT_KEYS = {
    *("id", "name", "filename", "sha256", "status", "lines", "samples"),
    *("new", "identical", "replaced", "repeated", "first_ms", "last_ms"),
}
ERROR_KEYS = {"line", "column", "field", "got", "hint"}
MANY_LINES = 200_000  # 4 MB: exceeds the default body limit and buffer of reverse proxies


def receipts_are_whole(target: Target) -> None:
    """Each file gets a complete receipt with the SHA-256 of its bytes, in order."""
    target.require_registration()
    parts = target.new_file(), target.new_file(5)
    response = target.upload(*parts)
    expect(response.status == 200, f"expected 200, found {response.describe()}")
    receipts = get_receipts(response)
    expect(len(receipts) == 2, f"{len(receipts)} receipts for 2 files")
    expect(response.json.get("request_id"), "the request_id is missing")
    for part, receipt in zip(parts, receipts, strict=True):
        expect(set(receipt) == RECEIPT_KEYS, f"keys: {sorted(set(receipt) ^ RECEIPT_KEYS)}")
        expect(receipt["sha256"] == part.sha256, "the SHA-256 is not that of the bytes sent")
        lines = part.content.count(b"\n")
        counts = receipt["samples"], receipt["new"]
        expect(counts == (lines, lines), f"{lines} lines were counted as {counts}")


def same_file_is_duplicate(target: Target) -> None:
    """A repeated file is a duplicate with the first receipt."""
    target.require_registration()
    part = target.new_file()
    first, second = _get_receipt(target.upload(part)), _get_receipt(target.upload(part))
    expect(second.get("status") == "duplicate", f"its status is {second.get('status')}")
    expect(second == {**first, "status": "duplicate"}, "its receipt differs from the first")


def bytes_arrive_unchanged(target: Target) -> None:
    """Line endings, a byte order mark and the file name arrive unchanged."""
    target.require_registration()
    content = b"\xef\xbb\xbf" + target.new_file().content.replace(b"\n", b"\r\n")
    part = FilePart(MEASUREMENT_NAME, "März 01.csv", content)
    receipt = _get_receipt(target.upload(part))
    expect(receipt.get("sha256") == part.sha256, "the bytes were changed in transit")
    filename = receipt.get("filename")
    expect(filename == part.filename, f"the file name became {filename!r}")


def cut_upload_stores_nothing(target: Target) -> None:
    """A truncated upload is a 400 and stores nothing."""
    target.require_registration()
    part = target.new_file(50)
    body, headers = encode_form(part)
    for length in (0, 10, len(body) // 2, len(body) - 40, len(body) - 4):
        expect_problem(
            target.device.request("POST", body[:length], headers), 400, "invalid_multipart"
        )
    status = _get_receipt(target.upload(part)).get("status")
    expect(status == "stored", f"a truncated upload was stored: the complete one is {status}")


def trailing_bytes_refused(target: Target) -> None:
    """Bytes other than white space after the end of an upload are a 400 and store nothing."""
    target.require_registration()
    part = target.new_file()
    body, headers = encode_form(part)
    for tail in (b"x", b"\r\n--", b"\x00", body):
        expect_problem(
            target.device.request("POST", body + tail, headers), 400, "invalid_multipart"
        )
    status = _get_receipt(target.upload(part)).get("status")
    expect(status == "stored", f"a refused upload was stored: the correct one is {status}")


def bad_lines_are_named(target: Target) -> None:
    """An unreadable file is a 422 that names the line; the other file is stored."""
    target.require_registration()
    good, base = target.new_file(), target.new_file()
    bad = FilePart(MEASUREMENT_NAME, "bad.csv", base.content + b"1526292559214;95\n")
    response = target.upload(good, bad)
    expect_problem(response, 422, "unreadable_file")
    receipts = get_receipts(response)
    statuses = [receipt.get("status") for receipt in receipts]
    expect(statuses == ["stored", "rejected"], f"the receipts have the statuses {statuses}")
    errors = receipts[1].get("errors")
    first = errors[0] if isinstance(errors, list) and errors else {}
    expect(isinstance(first, dict) and set(first) == ERROR_KEYS, "the errors lack keys")
    expect(first.get("line") == 4, f"line 4 was reported as line {first.get('line')}")


def gzip_is_inflated(target: Target) -> None:
    """An upload compressed with gzip equals the same upload without compression."""
    target.require_registration()
    part = target.new_file(100)
    body, headers = encode_form(part)
    response = target.device.request(
        "POST", gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
    )
    expect(_get_receipt(response).get("sha256") == part.sha256, "the bytes were changed in transit")
    status = _get_receipt(target.upload(part)).get("status")
    expect(status == "duplicate", f"the same file without compression is {status}")


def big_upload_passes(target: Target) -> None:
    """An upload of 4 MB, far below the published limit, is stored completely."""
    target.require_registration()
    part = target.new_file(MANY_LINES)
    receipt = _get_receipt(target.upload(part))
    expect(receipt.get("sha256") == part.sha256, "the bytes were changed in transit")
    expect(receipt.get("samples") == MANY_LINES, f"{receipt.get('samples')} of {MANY_LINES} lines")


def _get_receipt(response: Response) -> dict[str, object]:
    receipts = get_receipts(response)
    expect(
        response.status == 200 and len(receipts) == 1, f"expected 200, found {response.describe()}"
    )
    return receipts[0]


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
