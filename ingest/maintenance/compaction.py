"""Merge the blocks of finished hours into as few as fit, and compress them.

Uploads append blocks, one or more a file, as they are. Once an hour is over, its blocks are
merged, evenly spaced times packed and all of it compressed: one hour of one series a
transaction, under the lock that uploads to the series take too. Whenever it is killed, an hour
is either as it was or done. An hour is finished when it has passed by the clock of the server:
what still comes for it later is appended, and merged by the next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
from django.db import connection

from ingest.maintenance import block_rewrite
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.maintenance.vacuum import FreedSpace
from ingest.storage import block_store
from ingest.storage.blocks import HOUR_MS, merge

HOURS_A_LOOK = 500
# An hour holds at most 3.6 million samples in 440 full blocks, so that of more blocks than this
# the smallest can always be merged into fewer.
MAX_BLOCKS_AT_ONCE = 4_096
TRIES_OF_BUSY_HOURS = 3
BUSY_PAUSE_SECONDS = 0.5
LAST_HOUR = 2**31 - 1

# Answered from the index of blocks that are not compacted, which holds nothing else.
_CANDIDATES = """
SELECT b.identity_id, b.name, b.hour
FROM ingest_sampleblock b
WHERE NOT b.compacted
  AND (b.identity_id, b.name, b.hour) > (%(identity_id)s, %(name)s, %(hour)s)
  AND b.identity_id <= %(last_identity_id)s
  AND b.hour < %(before_hour)s
GROUP BY b.identity_id, b.name, b.hour
ORDER BY b.identity_id, b.name, b.hour
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class SeriesHour:
    """One hour of one series; ``hour`` counts from 1970-01-01T00:00Z."""

    identity_id: int
    name: str
    hour: int


@dataclass(slots=True)
class Compacted:
    """What a run did; ``busy`` and ``damaged`` count hours that were left as they are.

    An hour is damaged when two of its blocks hold one timestamp, or one holds no samples:
    ``verify`` says where, ``rebuild`` makes it anew.
    """

    hours: int = 0
    blocks_before: int = 0
    blocks_after: int = 0
    samples: int = 0
    busy: int = 0
    damaged: int = 0

    def as_json(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def compact(
    *,
    identity_id: int | None = None,
    unfinished_too: bool = False,
    vacuum_at_end: bool = True,
    report: Callable[[Compacted], None] = lambda done: None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Compacted:
    """Merge blocks of all finished hours, of one identity or all; return what was done.

    ``report`` is called after each hour, ``is_stopping`` before. The space of replaced blocks is
    given back as the work goes on, and at its end unless that is left to a later run. Raises
    ``django.db.Error``.
    """
    done, space = Compacted(), FreedSpace()
    before_hour = LAST_HOUR if unfinished_too else time.time_ns() // 1_000_000 // HOUR_MS
    busy = []
    for found in _candidates(identity_id, before_hour):
        if is_stopping():
            return done
        if not _compact_hour(found, done, space):
            busy.append(found)
        report(done)
    for _ in range(TRIES_OF_BUSY_HOURS):
        if not busy or is_stopping():
            break
        time.sleep(BUSY_PAUSE_SECONDS)
        busy = [hour for hour in busy if not _compact_hour(hour, done, space)]
        report(done)
    done.busy = len(busy)
    if vacuum_at_end:
        space.vacuum()
    return done


def _candidates(identity_id: int | None, before_hour: int) -> Iterator[SeriesHour]:
    after = SeriesHour(0 if identity_id is None else identity_id, "", -1)
    while True:
        with transaction_without_timeouts(), connection.cursor() as cursor:
            cursor.execute(
                _CANDIDATES,
                {
                    **asdict(after),
                    "last_identity_id": 2**63 - 1 if identity_id is None else identity_id,
                    "before_hour": before_hour,
                    "limit": HOURS_A_LOOK,
                },
            )
            found = [SeriesHour(*row) for row in cursor.fetchall()]
        yield from found
        if len(found) < HOURS_A_LOOK:
            return
        after = found[-1]


def _compact_hour(place: SeriesHour, done: Compacted, space: FreedSpace) -> bool:
    """Merge the blocks of an hour; False, and nothing done, if its series is being written."""
    while True:
        with transaction_without_timeouts():
            if not _try_lock(place):
                return False
            before, after, samples = _merge_stored(place)
        if after is None:
            done.damaged += 1
            return True
        done.blocks_before += before
        done.blocks_after += after
        space.add(before, samples)
        if before < MAX_BLOCKS_AT_ONCE:
            done.hours += 1
            done.samples += samples
            return True


def _try_lock(place: SeriesHour) -> bool:
    with connection.cursor() as cursor:
        number = block_store.series_lock(place.identity_id, place.name)
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    return bool(row and row[0])


def _merge_stored(place: SeriesHour) -> tuple[int, int | None, int]:
    """Return blocks before and after (None: damaged) and samples of them."""
    rows = block_rewrite.read_smallest(
        place.identity_id, place.name, place.hour, MAX_BLOCKS_AT_ONCE
    )
    if any(not _is_sound(row) for row in rows):
        return len(rows), None, 0
    merged = merge(row.block() for row in rows) if rows else []
    samples = sum(len(block.values) for block in merged)
    times = np.concatenate([block.times for block in merged]) if merged else np.empty(0, np.int64)
    if not bool((times[1:] > times[:-1]).all()):
        return len(rows), None, 0
    block_rewrite.exchange(place.identity_id, place.name, rows, merged)
    return len(rows), len(merged), samples


def _is_sound(row: block_rewrite.BlockRow) -> bool:
    offsets, values = row.offsets_ms, row.values
    if offsets is None or values is None or len(offsets) != len(values):
        return False
    return int(offsets.min()) >= 0 and int(offsets.max()) < HOUR_MS
