"""Rebuild the blocks of a series from its stored files.

A range of hours is replaced in one transaction under the lock of the series: readers see an hour
as it was or rebuilt, and concurrent uploads are overlaid on either. The hours of a damaged file do
not change: their blocks may be all that is left of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ingest.maintenance import block_rewrite, series_changes
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.maintenance.replay import DamagedOriginal, plan, replay
from ingest.storage import block_store
from ingest.storage.blocks import split_into_blocks
from ingest.storage.file_overlay import Hours
from ingest.storage.stored_files import report_damage

# Uploads to the series wait for about a second at most.
SAMPLES_PER_RUN = 500_000


@dataclass(slots=True)
class Rebuilt:
    """What was rebuilt; ``damaged`` lists the files whose hours did not change."""

    blocks_before: int = 0
    blocks_after: int = 0
    samples: int = 0
    damaged: list[DamagedOriginal] = field(default_factory=list)


class DamagedOriginals(Exception):
    """Hours cannot be rebuilt: files with samples in them are damaged."""

    def __init__(self, damaged: list[DamagedOriginal]) -> None:
        super().__init__(", ".join(f"{file.id}: {file.fault}" for file in damaged))
        self.damaged = damaged


def rebuild_series(
    identity_id: int, name: str, report: Callable[[int], None] = lambda samples: None
) -> Rebuilt:
    """Rebuild all blocks of a series; ``report`` receives the number of samples so far.

    Raises ``django.db.Error``. Not to be called in a transaction.
    """
    done = Rebuilt()
    with transaction_without_timeouts(snapshot=True):
        runs = plan(identity_id, name, SAMPLES_PER_RUN)
    seen: set[uuid.UUID] = set()
    for hours in runs:
        try:
            with transaction_without_timeouts():
                block_store.lock(identity_id, [name])
                rebuild_hours(identity_id, name, hours, done)
                series_changes.record(
                    series_changes.Kind.REPLACED,
                    identity_id,
                    name,
                    hours.start_ms,
                    hours.end_ms - 1,
                )
        except DamagedOriginals as error:
            done.damaged += [file for file in error.damaged if file.id not in seen]
            seen.update(file.id for file in error.damaged)
            for file in error.damaged:
                report_damage(identity_id, file.id, file.name, file.fault)
        report(done.samples)
    with transaction_without_timeouts():  # also without any run
        block_store.lock(identity_id, [name])
        block_store.update_series(identity_id, name)
    return done


def rebuild_hours(
    identity_id: int,
    name: str,
    hours: Hours,
    done: Rebuilt,
    only: Collection[int] | None = None,
) -> None:
    """Rebuild the blocks of ``hours``, or those of the hours in ``only``; add to ``done``.

    To be called in a transaction that holds the lock of the series. Raises
    ``DamagedOriginals`` before any change.
    """
    replayed = replay(identity_id, name, hours)
    if replayed.damaged:
        raise DamagedOriginals(replayed.damaged)
    blocks = list(split_into_blocks(replayed.samples.times, replayed.samples.values))
    if only is not None:
        blocks = [block for block in blocks if block.hour in only]
    done.blocks_before += block_rewrite.replace_hours(identity_id, name, hours, blocks, only)
    done.blocks_after += len(blocks)
    done.samples += sum(len(block.values) for block in blocks)
