"""Merge the blocks of finished hours into as few as possible, compress and summarise them.

The summaries of the hours of a finished day are gathered in one row.

Uploads append plain blocks, one or more for each file. When an hour is over by the server's clock,
its blocks are merged and compressed, and evenly spaced times packed: the hours of one series and
day in one transaction while they have few samples, any other hour in its own, under the lock that
uploads to the series take. Many small blocks are merged before that, in short transactions, and
stay plain. If the process dies, an hour is either done or found again by the next run. So are
samples that arrive later, which are appended.

VACUUM runs in between. Deleted rows stay in the table until VACUUM; left to autovacuum, a long
compaction would write all blocks behind the old ones, and the table would grow and stay large.
With VACUUM, compressed blocks reuse the space of plain ones, and what is left at the end of the
table returns to the file system.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from django.db import connection

from identities.cluster import is_cluster
from ingest.maintenance import block_rewrite
from ingest.maintenance.compaction_candidates import SeriesHour, find_candidates, group_hours
from ingest.maintenance.day_rollup import SeriesDay, find_without_summary, roll_up
from ingest.maintenance.hour_merging import Compacted, merge_hours, merge_rows, summarise
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.storage import block_store, summary_store
from ingest.storage.blocks import HOUR_MS
from ingest.storage.day_summaries import HOURS

# An hour of times in whole milliseconds fits in 440 full blocks. One of microseconds may have more
# than this many: each block is then merged and compressed once, and the hour has no summary.
MAX_BLOCKS_AT_ONCE = 4_096
# Uploads to the series wait while a transaction lasts: so many small blocks are merged in each.
FEW_BLOCKS = 200
# Half a day at 1 Hz: they are merged in some hundredths of a second.
MAX_GROUP_SAMPLES = 50_000
LOCK_RETRIES = 20
LOCK_PAUSE_SECONDS = 0.01
BUSY_RETRIES = 3
BUSY_PAUSE_SECONDS = 0.5
LAST_HOUR = 2**31 - 1

# As an upload stores most of them, in addition to the other columns of the block.
BYTES_PER_SAMPLE = 4
BYTES_PER_BLOCK = 200
MIN_VACUUM_BYTES = 2 << 20
MIN_VACUUM_SHARE = 0.05

# A VACUUM that is already running, of autovacuum or another run, is as good.
_VACUUM = "VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON) ingest_sampleblock"
_SIZE = "SELECT {}_total_relation_size('ingest_sampleblock')"


@dataclass(slots=True)
class FreedSpace:
    """Estimated bytes of deleted rows since the last VACUUM."""

    freed: int = 0
    threshold: int = field(default_factory=lambda: MIN_VACUUM_BYTES)

    def add(self, blocks: int, samples: int) -> None:
        """Count replaced blocks; VACUUM when they are a worthwhile share of the table."""
        self.freed += blocks * BYTES_PER_BLOCK + samples * BYTES_PER_SAMPLE
        if self.freed >= self.threshold:
            self.vacuum()

    def vacuum(self) -> None:
        """Make the freed space reusable. Not to be called in a transaction.

        For a role that does not own the table, PostgreSQL only warns. Raises ``django.db.Error``.
        """
        if not self.freed:
            return
        self.freed = 0
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            try:
                cursor.execute(_VACUUM)
                # PostgreSQL's function sees an empty shell where the table is distributed.
                cursor.execute(_SIZE.format("citus" if is_cluster() else "pg"))
                (size,) = cursor.fetchone() or (0,)
            finally:
                cursor.execute("RESET statement_timeout")
        self.threshold = max(MIN_VACUUM_BYTES, int(size * MIN_VACUUM_SHARE))


def compact(
    *,
    identity_id: int | None = None,
    include_unfinished: bool = False,
    vacuum_at_end: bool = True,
    report: Callable[[Compacted], None] = lambda done: None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Compacted:
    """Merge the blocks of all finished hours, of one identity or of all; return what was done.

    ``report`` is called after each group of hours, ``is_stopping`` before it. VACUUM runs
    meanwhile, and at the end with ``vacuum_at_end``. Raises ``django.db.Error``.
    """
    done, space = Compacted(), FreedSpace()
    current_hour = time.time_ns() // 1_000_000 // HOUR_MS
    before_hour = LAST_HOUR if include_unfinished else current_hour
    busy, days = list[SeriesHour](), set[SeriesDay]()
    for group in _group(find_candidates(identity_id, before_hour)):
        if is_stopping():
            return done
        locked = _compact_group(group, done, space)
        busy += locked
        if len(locked) < len(group) and group[0].day not in days:
            days = _roll_up(days, before_hour) | {group[0].day}
        report(done)
    days |= {*find_without_summary(current_hour // HOURS - 1, identity_id)}
    for retries_left in reversed(range(BUSY_RETRIES + 1)):
        days = _roll_up(days, before_hour)
        if not (busy or days) or not retries_left or is_stopping():
            break
        time.sleep(BUSY_PAUSE_SECONDS)
        days |= {hour.day for hour in busy}
        busy = [hour for group in _group(busy) for hour in _compact_group(group, done, space)]
        report(done)
    done.busy = len(busy)
    if vacuum_at_end:
        space.vacuum()
    return done


def _roll_up(days: set[SeriesDay], before_hour: int) -> set[SeriesDay]:
    """Summarise those of ``days`` that are over; return those of locked series.

    The hours of a day that is not over would be added each hour.
    """
    over = [day for day in sorted(days) if (day.day + 1) * HOURS <= before_hour]
    return {day for day in over if not roll_up(day)}


def _group(hours: Iterable[SeriesHour]) -> Iterator[list[SeriesHour]]:
    return group_hours(hours, FEW_BLOCKS, MAX_GROUP_SAMPLES)


def _compact_group(group: list[SeriesHour], done: Compacted, space: FreedSpace) -> list[SeriesHour]:
    """Merge the blocks of hours of one series and day; return those that were locked.

    If too many of their blocks are compacted already, they are done one by one.
    """
    if len(group) > 1:
        identity_id, name = group[0].identity_id, group[0].name
        hours = [each.hour for each in group]
        with transaction_without_timeouts():
            if not block_store.try_lock(identity_id, name):
                return group
            merged = _merge_group(identity_id, name, hours)
        if merged is not None:
            done.add(merged)
            space.add(merged.blocks_before, merged.samples)
            return []
    return [hour for hour in group if not _compact_hour(hour, done, space)]


def _merge_group(identity_id: int, name: str, hours: list[int]) -> Compacted | None:
    """Merge the blocks of each of ``hours``, None with nothing done if they are too many."""
    most = 2 * FEW_BLOCKS
    blocks, samples = block_rewrite.measure_hours(identity_id, name, hours, most + 1)
    if blocks > most or samples > 2 * MAX_GROUP_SAMPLES:
        return None
    return merge_hours(identity_id, name, hours)


def _compact_hour(series_hour: SeriesHour, done: Compacted, space: FreedSpace) -> bool:
    """Merge the blocks of an hour; return False if its series is locked before it is done."""
    removed = _merge_small_blocks(series_hour)
    while removed is not None:
        with transaction_without_timeouts():
            if not block_store.try_lock(series_hour.identity_id, series_hour.name):
                return False
            before, after, samples = _merge_stored(series_hour)
        if after is None:
            done.damaged += 1
            return True
        done.blocks_before += before + removed
        done.blocks_after += after
        space.add(before + removed, samples)
        if before < MAX_BLOCKS_AT_ONCE or (after == before and not _is_open(series_hour)):
            done.hours += 1
            done.samples += samples
            return True
        removed = 0
    return False


def _merge_small_blocks(series_hour: SeriesHour) -> int | None:
    """Merge the small blocks of an hour while it has many; return how many there are less.

    The merged blocks are not compacted, so that readers take the hour for what it is and a later
    run finds it. Returns None if the series is locked.
    """
    identity_id, name, hour = series_hour.identity_id, series_hour.name, series_hour.hour
    removed, retries_left = 0, 0
    while series_hour.blocks > FEW_BLOCKS:
        with transaction_without_timeouts():
            is_locked = block_store.try_lock(identity_id, name)
            rows = (
                block_rewrite.read_small(identity_id, name, hour, FEW_BLOCKS) if is_locked else []
            )
            merged = merge_rows(rows) if len(rows) == FEW_BLOCKS else None
            if merged is not None:
                block_rewrite.replace_blocks(identity_id, name, rows, merged, is_compacted=False)
                removed += len(rows) - len(merged)
        if merged is not None:
            retries_left = LOCK_RETRIES  # uploads that waited go first
        elif is_locked:
            return removed
        elif retries_left:
            retries_left -= 1
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return None
    return removed


def _is_open(series_hour: SeriesHour) -> bool:
    """Return whether a block of the hour is not compacted."""
    hour = series_hour.hour
    return bool(
        summary_store.find_open_hours(series_hour.identity_id, series_hour.name, hour, hour)
    )


def _merge_stored(series_hour: SeriesHour) -> tuple[int, int | None, int]:
    """Return the numbers of blocks before and after (None if damaged) and of samples.

    The hour is summarised once all of its blocks are merged.
    """
    identity_id, name, hour = series_hour.identity_id, series_hour.name, series_hour.hour
    rows = block_rewrite.read_smallest(identity_id, name, hour, MAX_BLOCKS_AT_ONCE)
    merged = merge_rows(rows)
    if merged is None:
        return len(rows), None, 0
    block_rewrite.replace_blocks(identity_id, name, rows, merged, is_compacted=True)
    if merged and len(rows) < MAX_BLOCKS_AT_ONCE:
        summary_store.write_summaries(identity_id, name, [summarise(merged)])
    else:  # of the hour as it was before
        summary_store.delete_summaries(identity_id, name, (hour, hour))
    return len(rows), len(merged), sum(len(block.values) for block in merged)
