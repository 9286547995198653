"""Store measurement files: read them, write them, return receipts.

A file that meets no stored samples in its time range, which is nearly every one, is one statement
(``ingest_store_file``). Any other is overlaid on the stored blocks in a transaction that holds
the locks of its series. Either way the answer follows the COMMIT.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
from django.conf import settings
from django.db import transaction

from ingest import quotas
from ingest.file_reading import read_file
from ingest.parsing.names import make_storable
from ingest.parsing.samples import FileLimits, TimeWindow
from ingest.receipts import Receipt
from ingest.sample_conflicts import ConflictSearch, Replacement
from ingest.storage import block_store, disk_space, durability_check, file_store, transactions
from ingest.storage.block_overlay import overlay_series
from ingest.storage.overlap_budget import OverlapBudget, OverlapTooLarge
from ingest.storage.prepared_files import PreparedFile, prepare_series
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


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The limits of a request beyond its size: per file, and distinct hours of all its series."""

    file: FileLimits
    hours: int


class TooManyHours(Exception):
    """The request has samples in too many hours, or in hours with too many stored samples."""


class NoLongerAllowed(Exception):
    """The certificate or its identity lost its permission between look-up and storing."""


def accepted_time_window() -> TimeWindow:
    """Return the accepted timestamps: from a fixed day to a little ahead of the server's clock."""
    now_ms = time.time_ns() // 1_000_000
    return TimeWindow(_earliest_ms, now_ms + settings.MAX_CLOCK_SKEW_SECONDS * 1000)


def file_limits() -> FileLimits:
    return FileLimits(settings.MAX_LINES_PER_FILE, settings.MAX_VALUES_PER_FILE)


def store_files(
    uploader: Uploader, files: Sequence[UploadedFile], window: TimeWindow, limits: UploadLimits
) -> list[Receipt]:
    """Store ``files`` and return their receipts in the same order.

    A file that cannot be read is stored too, as rejected. All or nothing is committed. Raises
    ``TooManyLines``, ``TooManyValues`` and ``TooManyHours`` before anything is stored,
    ``NoLongerAllowed``, ``DatabaseUnavailable``, ``HourNotCompacted``; with a daily quota
    ``DailyQuotaExhausted`` and ``LargerThanDailyQuota`` too.
    """
    disk_space.ensure_free()
    prepared = [_prepare(file, window, limits.file) for file in files]
    _check_hours(prepared, limits.hours)
    transactions.run_with_retry(durability_check.ensure_durable)
    transactions.run_with_retry(disk_space.ensure_nodes_free)
    transactions.run_with_retry(lambda: durability_check.ensure_node_answers(uploader.identity_id))
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


def _prepare(file: UploadedFile, window: TimeWindow, limits: FileLimits) -> PreparedFile:
    is_large = len(file.content) >= _LARGE_FILE_BYTES
    future = _executor.submit(_hash_and_compress, file.content) if is_large else None
    read, columns, errors = read_file(file.name, file.content, window, limits)
    sha256, compressed = future.result() if future else _hash_and_compress(file.content)
    return PreparedFile(
        id=uuid7(),
        name=make_storable(file.name, 64),
        filename=make_storable(file.filename, 255),
        content_type=make_storable(file.content_type, 100),
        size=len(file.content),
        sha256=sha256,
        content=compressed,
        lines=0 if read is None else read.lines,
        rounded=0 if read is None else read.rounded,
        columns=columns,
        series=() if read is None else prepare_series(file.name, columns, read.columns),
        errors=tuple(errors),
    )


def _hash_and_compress(content: bytes) -> tuple[bytes, bytes]:
    """Return SHA-256 and compressed form of ``content``; both release the interpreter lock."""
    return hashlib.sha256(content).digest(), _codec.compress(content, asbytes=True)


def _check_hours(files: Sequence[PreparedFile], limit: int) -> None:
    hours = {
        (series.name, block.hour)
        for file in files
        for series in file.series
        for block in series.blocks
    }
    if len(hours) > limit:
        raise TooManyHours(
            f"A request may have samples in {limit:,} hours, counted for each series; this one "
            f"has {len(hours):,}. Split the file by time."
        )


def _store_alone(uploader: Uploader, file: PreparedFile) -> Receipt:
    if file.block_count() <= file_store.MAX_BLOCKS_IN_ONE_STATEMENT:
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
    names = {name for file in files for name in file.locked_names()}
    with transaction.atomic(durable=True):
        block_store.lock(uploader.identity_id, names)
        budget = OverlapBudget()
        conflicts = ConflictSearch(uploader.identity_id, uploader.certificate_id)
        try:
            receipts = [_store_in_transaction(uploader, file, budget, conflicts) for file in files]
        except OverlapTooLarge as error:
            raise TooManyHours(
                "The hours of this request hold too many stored samples to compare it with at "
                "once. Split the file by time."
            ) from error
        if quotas.has_daily_quota():
            stored = {receipt.id for receipt in receipts}
            quotas.charge(uploader.identity_id, [file.size for file in files if file.id in stored])
        return receipts


def _store_in_transaction(
    uploader: Uploader, file: PreparedFile, budget: OverlapBudget, conflicts: ConflictSearch
) -> Receipt:
    return _store_unless_overlapping(uploader, file) or _store_overlaid(
        uploader, file, budget, conflicts
    )


def _store_unless_overlapping(
    uploader: Uploader, file: PreparedFile, *, is_overlaid: bool = False
) -> Receipt | None:
    """Store a file; return None, with nothing done, if stored blocks are in its time range."""
    result = file_store.store_file(
        uploader.identity_id, uploader.certificate_id, file, is_overlaid=is_overlaid
    )
    if result.outcome == "refused":
        raise NoLongerAllowed
    return result.receipt


def _store_overlaid(
    uploader: Uploader, file: PreparedFile, budget: OverlapBudget, conflicts: ConflictSearch
) -> Receipt:
    overlaid, changed = overlay_series(uploader.identity_id, file.series, budget)
    receipt = _store_unless_overlapping(
        uploader, replace(file, series=tuple(overlaid)), is_overlaid=True
    )
    if receipt is None:
        raise AssertionError("an overlaid file is stored")
    for series, changes in zip(file.series, changed, strict=True):
        if changes:
            conflicts.record(Replacement(series.name, file.id, changes))
    return receipt
