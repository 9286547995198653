"""Take measurement files in: read them, store them, answer with receipts.

An upload that meets no other samples in its time range, which is nearly every one, is a single
statement (``ingest_store_file``). One that does is laid over the stored blocks in a transaction
that holds the lock of its series. Either way the answer is given after the COMMIT.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
from django.db import transaction

from ingest import sample_conflicts
from ingest.errors import BytesOfDayUsedUp
from ingest.parsing.names import explain_bad_name, is_measurement_name, make_storable
from ingest.parsing.sample_file import (
    Samples,
    TimeWindow,
    UnreadableContent,
    read_samples,
)
from ingest.parsing.sample_file_errors import LineError
from ingest.receipts import Receipt
from ingest.sample_conflicts import Replacement
from ingest.storage import (
    block_store,
    daily_bytes,
    disk_space,
    durability_check,
    file_store,
    rejected_files,
    transactions,
)
from ingest.storage.blocks import overlay_samples, split_into_blocks
from ingest.storage.prepared_files import PreparedFile
from ingest.uuid7 import uuid7

COMPRESSION_LEVEL = 1  # higher ones gain nothing on such files and take two to three times as long

_codec = pa.Codec("zstd", compression_level=COMPRESSION_LEVEL)

# From this size on a file is hashed and compressed while it is read, where a processor is idle.
_LARGE = 1_000_000
_executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fingerprint")


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One part of a multipart body; texts as the device told them."""

    name: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Uploader:
    """Whose upload it is: primary keys of a bound certificate and its identity."""

    identity_id: int
    certificate_id: int


class NoLongerAllowed(Exception):
    """The certificate or its identity was shut out between the look-up and the storing."""


def store_files(
    uploader: Uploader, files: Sequence[UploadedFile], window: TimeWindow, max_lines: int
) -> list[Receipt]:
    """Store ``files`` and return a receipt for each, in their order.

    A file that cannot be read is kept too, as rejected. All or nothing is committed. Raises
    ``TooManyLines`` before anything is stored, ``NoLongerAllowed``, ``DatabaseUnavailable``;
    where bytes a day are limited, ``BytesOfDayUsedUp`` and ``RequestTooLarge`` too.
    """
    disk_space.ensure_free()
    prepared = [_prepare(file, window, max_lines) for file in files]
    transactions.run_with_retry(durability_check.ensure_durable)
    if daily_bytes.are_limited():
        receipts = _store_within_quota(uploader, prepared)
    elif len(prepared) == 1:
        receipts = [transactions.run_with_retry(lambda: _store_alone(uploader, prepared[0]))]
    else:
        receipts = transactions.run_with_retry(lambda: _store_together(uploader, prepared))
    kept = {receipt.id for receipt in receipts if receipt.status == "rejected"}
    if kept and any(file.id in kept for file in prepared):  # not those that were there before
        transactions.run_with_retry(lambda: rejected_files.make_room(uploader.identity_id))
    return receipts


def _prepare(file: UploadedFile, window: TimeWindow, max_lines: int) -> PreparedFile:
    beside = _executor.submit(_fingerprint, file.content) if len(file.content) >= _LARGE else None
    samples, errors = _read(file, window, max_lines)
    sha256, compressed = beside.result() if beside else _fingerprint(file.content)
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


def _fingerprint(content: bytes) -> tuple[bytes, bytes]:
    """Return the SHA-256 of ``content``, and it compressed: neither needs the interpreter."""
    return hashlib.sha256(content).digest(), _codec.compress(content, asbytes=True)


def _read(
    file: UploadedFile, window: TimeWindow, max_lines: int
) -> tuple[Samples | None, list[LineError]]:
    bad_name = [] if is_measurement_name(file.name) else [explain_bad_name(file.name)]
    try:
        samples = read_samples(file.content, window, max_lines)
    except UnreadableContent as unreadable:
        return None, (bad_name + unreadable.errors)[:20]
    return (None, bad_name) if bad_name else (samples, [])


def _store_alone(uploader: Uploader, file: PreparedFile) -> Receipt:
    if len(file.blocks) <= file_store.MAX_BLOCKS_IN_ONE_STATEMENT:
        receipt = _store(uploader, file)
        if receipt is not None:
            return receipt
    return _store_together(uploader, [file])[0]


def _store_within_quota(uploader: Uploader, files: Sequence[PreparedFile]) -> list[Receipt]:
    def work() -> list[Receipt]:
        daily_bytes.require_room(uploader.identity_id, files)
        return _store_together(uploader, files)

    try:
        return transactions.run_with_retry(work)
    except BytesOfDayUsedUp:
        transactions.run_with_retry(lambda: daily_bytes.record_refusal(uploader.identity_id))
        raise


def _store_together(uploader: Uploader, files: Sequence[PreparedFile]) -> list[Receipt]:
    with transaction.atomic(durable=True):
        # In sorted order, so that two uploads never wait for each other.
        block_store.lock(uploader.identity_id, sorted({file.name for file in files}))
        receipts = [_store(uploader, file) or _lay_over(uploader, file) for file in files]
        if daily_bytes.are_limited():
            kept = {receipt.id for receipt in receipts}
            daily_bytes.charge(
                uploader.identity_id, [file.size for file in files if file.id in kept]
            )
        return receipts


def _store(uploader: Uploader, file: PreparedFile) -> Receipt | None:
    """Store a file; None, and nothing done, if stored samples lie in its time range."""
    found = file_store.store_file(uploader.identity_id, uploader.certificate_id, file)
    if found.outcome == "refused":
        raise NoLongerAllowed
    return None if found.outcome == "overlap" else found.receipt(file)


def _lay_over(uploader: Uploader, file: PreparedFile) -> Receipt:
    if file.samples is None:
        raise AssertionError("a rejected file overlaps nothing")
    stored = block_store.overlapping(uploader.identity_id, file.name, file.samples)
    overlay = overlay_samples([block for _, block in stored], file.samples)
    block_store.rewrite(
        uploader.identity_id, [(stored[index][0], block) for index, block in overlay.rewritten]
    )
    laid = file.laid_over(overlay, list(split_into_blocks(overlay.times, overlay.values)))
    receipt = _store(uploader, laid)
    if receipt is None:
        raise AssertionError("a file that has been laid over is stored")
    changed = [(stored[index][1], block) for index, block in overlay.rewritten]
    sample_conflicts.record(
        Replacement(uploader.identity_id, uploader.certificate_id, file.name, file.id, changed)
    )
    return receipt
