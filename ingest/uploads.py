"""Store measurement files: read them, write them, return receipts.

A file that meets no stored samples in its time range, which is nearly every one, is one statement
(``ingest_store_file``). Any other is overlaid on the stored blocks in a transaction that holds
the lock of its series. Either way the answer follows the COMMIT.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from django.conf import settings
from django.db import transaction

from ingest import quotas, sample_conflicts
from ingest.parsing.names import explain_bad_name, is_measurement_name, make_storable
from ingest.parsing.sample_file import (
    MAX_LISTED_ERRORS,
    Samples,
    TimeWindow,
    UnreadableContent,
    read_samples,
)
from ingest.parsing.sample_file_errors import LineError
from ingest.receipts import Receipt
from ingest.sample_conflicts import Replacement
from ingest.storage import block_store, disk_space, durability_check, file_store, transactions
from ingest.storage.blocks import overlay_samples, split_into_blocks
from ingest.storage.file_store import PreparedFile
from ingest.uuid7 import uuid7

COMPRESSION_LEVEL = 1  # higher ones gain nothing on such files and take two to three times as long
# From this size on a second thread hashes and compresses the file while the first one reads it.
_LARGE_FILE_BYTES = 1_000_000

_codec = pa.Codec("zstd", compression_level=COMPRESSION_LEVEL)
_executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fingerprint")
_earliest_ms = int(
    datetime.fromisoformat(settings.MIN_SAMPLE_DATE).replace(tzinfo=UTC).timestamp() * 1000
)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One part of a multipart body; texts as the device sent them."""

    name: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Uploader:
    """The primary keys of a bound certificate and its identity."""

    identity_id: int
    certificate_id: int


class NoLongerAllowed(Exception):
    """The certificate or its identity lost its permission between look-up and storing."""


def accepted_time_window() -> TimeWindow:
    """Return the accepted timestamps: from a fixed day to a little ahead of the server's clock."""
    now_ms = time.time_ns() // 1_000_000
    return TimeWindow(_earliest_ms, now_ms + settings.MAX_CLOCK_SKEW_SECONDS * 1000)


def store_files(
    uploader: Uploader, files: Sequence[UploadedFile], window: TimeWindow, max_lines: int
) -> list[Receipt]:
    """Store ``files`` and return their receipts in the same order.

    A file that cannot be read is stored too, as rejected. All or nothing is committed. Raises
    ``TooManyLines`` before anything is stored, ``NoLongerAllowed``, ``DatabaseUnavailable``;
    with a daily quota ``DailyQuotaExhausted`` and ``LargerThanDailyQuota`` too.
    """
    disk_space.ensure_free()
    prepared = [_prepare(file, window, max_lines) for file in files]
    transactions.run_with_retry(durability_check.ensure_durable)
    if quotas.has_daily_quota():
        receipts = _store_within_quota(uploader, prepared)
    elif len(prepared) == 1:
        receipts = [transactions.run_with_retry(lambda: _store_alone(uploader, prepared[0]))]
    else:
        receipts = transactions.run_with_retry(lambda: _store_together(uploader, prepared))
    rejected = {receipt.id for receipt in receipts if receipt.status == "rejected"}
    if rejected and any(file.id in rejected for file in prepared):  # not a repeat of an older one
        transactions.run_with_retry(lambda: file_store.delete_excess_rejected(uploader.identity_id))
    return receipts


def _prepare(file: UploadedFile, window: TimeWindow, max_lines: int) -> PreparedFile:
    is_large = len(file.content) >= _LARGE_FILE_BYTES
    future = _executor.submit(_hash_and_compress, file.content) if is_large else None
    samples, errors = _read(file, window, max_lines)
    sha256, compressed = future.result() if future else _hash_and_compress(file.content)
    return PreparedFile(
        id=uuid7(),
        name=make_storable(file.name, 64),
        filename=make_storable(file.filename, 255),
        content_type=make_storable(file.content_type, 100),
        size=len(file.content),
        sha256=sha256,
        content=compressed,
        samples=samples,
        errors=errors,
    )


def _hash_and_compress(content: bytes) -> tuple[bytes, bytes]:
    """Return SHA-256 and compressed form of ``content``; both release the interpreter lock."""
    return hashlib.sha256(content).digest(), _codec.compress(content, asbytes=True)


def _read(
    file: UploadedFile, window: TimeWindow, max_lines: int
) -> tuple[Samples | None, list[LineError]]:
    bad_name = [] if is_measurement_name(file.name) else [explain_bad_name(file.name)]
    try:
        samples = read_samples(file.content, window, max_lines)
    except UnreadableContent as unreadable:
        return None, (bad_name + unreadable.errors)[:MAX_LISTED_ERRORS]
    return (None, bad_name) if bad_name else (samples, [])


def _store_alone(uploader: Uploader, file: PreparedFile) -> Receipt:
    if len(file.blocks) <= file_store.MAX_BLOCKS_IN_ONE_STATEMENT:
        receipt = _store_unless_overlapping(uploader, file)
        if receipt is not None:
            return receipt
    return _store_together(uploader, [file])[0]


def _store_within_quota(uploader: Uploader, files: Sequence[PreparedFile]) -> list[Receipt]:
    def work() -> list[Receipt]:
        quotas.ensure_chargeable(uploader.identity_id, files)
        return _store_together(uploader, files)

    try:
        return transactions.run_with_retry(work)
    except quotas.DailyQuotaExhausted:
        transactions.run_with_retry(lambda: quotas.record_refusal(uploader.identity_id))
        raise


def _store_together(uploader: Uploader, files: Sequence[PreparedFile]) -> list[Receipt]:
    with transaction.atomic(durable=True):
        # In sorted order, so that two uploads never wait for each other.
        block_store.lock(uploader.identity_id, sorted({file.name for file in files}))
        receipts = [
            _store_unless_overlapping(uploader, file) or _store_overlaid(uploader, file)
            for file in files
        ]
        if quotas.has_daily_quota():
            stored = {receipt.id for receipt in receipts}
            quotas.charge(uploader.identity_id, [file.size for file in files if file.id in stored])
        return receipts


def _store_unless_overlapping(uploader: Uploader, file: PreparedFile) -> Receipt | None:
    """Store a file; return None, with nothing done, if stored samples are in its time range."""
    result = file_store.store_file(uploader.identity_id, uploader.certificate_id, file)
    if result.outcome == "refused":
        raise NoLongerAllowed
    return None if result.outcome == "overlap" else result.receipt(file)


def _store_overlaid(uploader: Uploader, file: PreparedFile) -> Receipt:
    if file.samples is None:
        raise AssertionError("a rejected file overlaps nothing")
    stored = block_store.overlapping(uploader.identity_id, file.name, file.samples)
    overlay = overlay_samples([block for _, block in stored], file.samples)
    block_store.rewrite(
        uploader.identity_id, [(stored[index][0], block) for index, block in overlay.rewritten]
    )
    overlaid = file.overlaid(overlay, list(split_into_blocks(overlay.times, overlay.values)))
    receipt = _store_unless_overlapping(uploader, overlaid)
    if receipt is None:
        raise AssertionError("an overlaid file is stored")
    changed = [(stored[index][1], block) for index, block in overlay.rewritten]
    sample_conflicts.record(
        Replacement(uploader.identity_id, uploader.certificate_id, file.name, file.id, changed)
    )
    return receipt
