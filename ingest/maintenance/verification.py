"""Compare the blocks of a series with its stored files, sample by sample, hour by hour.

Each series is compared in one snapshot (REPEATABLE READ). An upload commits its file and blocks in
one transaction and gets its sequence number under the series' lock, so every snapshot is
consistent. Verification takes no lock; uploads go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from ingest.maintenance import block_rewrite
from ingest.maintenance.block_rewrite import BlockRow
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.maintenance.replay import (
    DamagedOriginal,
    plan,
    replay,
)
from ingest.maintenance.summary_verification import (
    StoredSummaries,
    find_wrong_days,
    load_summaries,
)
from ingest.models import Measurement, SampleBlock, Series
from ingest.storage import stored_files, summary_store
from ingest.storage.blocks import HOUR_US, MAX_SAMPLES
from ingest.storage.file_overlay import Layered
from ingest.storage.stored_files import files_of_series

SAMPLES_PER_RUN = 1_000_000


@dataclass(frozen=True, slots=True)
class HourDifference:
    """How the blocks of an hour differ from the files.

    ``missing``, ``extra`` and ``different`` count samples that only the files have, only the
    blocks have, or both with unequal values. ``faults`` describes blocks that are invalid
    themselves.
    """

    hour: int
    missing: int
    extra: int
    different: int
    faults: list[str]


@dataclass(slots=True)
class SeriesVerified:
    """What was compared of one series, and the differences found.

    ``listing`` tells how the table of series differs from the blocks, "" if it does not.
    """

    name: str
    files: int = 0
    samples: int = 0
    differences: list[HourDifference] = field(default_factory=list)
    damaged: list[DamagedOriginal] = field(default_factory=list)
    listing: str = ""

    @property
    def is_clean(self) -> bool:
        return not (self.differences or self.damaged or self.listing)


def verify_series(
    identity_id: int, name: str, report: Callable[[int], None] = lambda samples: None
) -> SeriesVerified:
    """Compare one series; ``report`` receives the number of samples compared so far.

    Of files without samples in the series (rejected, withdrawn) only the bytes are verified.
    Raises ``django.db.Error``. Not to be called in a transaction.
    """
    verified = SeriesVerified(name)
    damaged: dict[object, DamagedOriginal] = {}
    with transaction_without_timeouts(snapshot=True):
        for hours in plan(identity_id, name, SAMPLES_PER_RUN):
            replayed = replay(identity_id, name, hours)
            damaged |= {file.id: file for file in replayed.damaged}
            rows = block_rewrite.read_rows(identity_id, name, *hours)
            summaries = load_summaries(identity_id, name, *hours)
            verified.differences += _compare(replayed.samples, rows, summaries)
            verified.samples += len(replayed.samples.times)
            report(verified.samples)
        verified.differences += [
            HourDifference(hour, 0, 0, 0, ["there is a summary without samples"])
            for hour in summary_store.find_hours_without_blocks(identity_id, name)
        ]
        verified.differences += [
            HourDifference(hour, 0, 0, 0, [fault])
            for hour, fault in find_wrong_days(identity_id, name)
        ]
        verified.listing = _compare_listing(identity_id, name)
        without_samples = [Measurement.Status.REJECTED, Measurement.Status.WITHDRAWN]
        files = files_of_series(identity_id, name)
        verified.files = files.count()
        for measurement in files.filter(status__in=without_samples).iterator(chunk_size=20):
            _, fault = stored_files.load_content(measurement)
            if fault:
                damaged[measurement.pk] = DamagedOriginal(measurement.pk, name, fault)
    verified.damaged = list(damaged.values())
    for file in verified.damaged:
        stored_files.report_damage(identity_id, file.id, file.name, file.fault)
    return verified


def _compare_listing(identity_id: int, name: str) -> str:
    """Return how the table of series differs from the blocks of a series, or ""."""
    is_listed = Series.objects.filter(identity_id=identity_id, name=name).exists()
    if is_listed == SampleBlock.objects.filter(identity_id=identity_id, name=name).exists():
        return ""
    return "is listed without any sample" if is_listed else "has samples and is not listed"


def _compare(
    expected: Layered, rows: Sequence[BlockRow], summaries: StoredSummaries
) -> Iterator[HourDifference]:
    by_hour = {hour: list(found) for hour, found in groupby(rows, lambda row: row.stored.hour)}
    for hour in sorted({*expected.hours(), *by_hour}):
        found = by_hour.get(hour, [])
        difference = compare_hour(hour, expected.of_hour(hour), found, summaries)
        if difference is not None:
            yield difference


def compare_hour(
    hour: int,
    expected: Layered,
    rows: Sequence[BlockRow],
    summaries: StoredSummaries | None = None,
) -> HourDifference | None:
    """Return how ``rows``, all blocks of an hour, differ from ``expected``; None if they agree.

    The summary of the hour is compared with blocks that are valid themselves.
    """
    faults = [fault for row in rows for fault in _faults(row)]
    blocks = [row.block for row in rows if row.block is not None]
    if rows and summaries is not None and not faults:
        faults += summaries.faults(hour, blocks)
    times = np.concatenate([block.times for block in blocks] or [np.empty(0, np.int64)])
    values = np.concatenate([block.values for block in blocks] or [np.empty(0)])
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    repeated = int((times[1:] == times[:-1]).sum())
    if repeated:
        faults.append(f"{repeated} timestamps are stored twice")
        first = np.concatenate(([True], times[1:] != times[:-1]))
        times, values = times[first], values[first]
    _, in_files, in_blocks = np.intersect1d(
        expected.times, times, assume_unique=True, return_indices=True
    )
    missing, extra = len(expected.times) - len(in_files), len(times) - len(in_blocks)
    different = int((expected.values[in_files] != values[in_blocks]).sum())
    if not (faults or missing or extra or different):
        return None
    return HourDifference(hour, missing, extra, different, faults)


def _faults(row: BlockRow) -> Iterator[str]:
    """Yield the faults of a block, regardless of the files."""
    if row.block is None:
        yield f"block {row.id} {row.fault}"
        return
    block, stored = row.block, row.stored
    offsets, values = block.offsets_us, block.values
    if len(offsets) != stored.sample_count or len(offsets) > MAX_SAMPLES:
        yield f"block {row.id} has {len(offsets)} samples, not {stored.sample_count}"
    if int(offsets.min()) < 0 or int(offsets.max()) >= HOUR_US:
        yield f"block {row.id} has samples outside its hour"
    if not bool((offsets[1:] > offsets[:-1]).all()):
        yield f"block {row.id} is not sorted"
    if (stored.first_ms, row.last_ms) != (block.first_ms, block.last_ms):
        yield f"block {row.id} has a wrong first or last time"
    if (stored.minimum, row.maximum) != (block.minimum, block.maximum):
        yield f"block {row.id} has a wrong minimum or maximum"
    # Sums depend on the order of addition; those of huge values are no doubles.
    with np.errstate(over="ignore", invalid="ignore"):
        size = float(np.abs(values).sum())
    if np.isfinite(size) and not abs(row.total - block.total) <= 1e-9 * size:
        yield f"block {row.id} has a wrong total"
