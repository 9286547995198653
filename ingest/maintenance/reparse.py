"""Parse rejected files again: after a fix, or with a wider window of accepted times.

A file that is readable now is overlaid on its series as if it had just been received, over later
files too. Its receipt keeps its id and its time of reception.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import connection

from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.models import Measurement
from ingest.parsing.names import is_measurement_name
from ingest.parsing.sample_file import (
    Samples,
    TimeWindow,
    TooManyLines,
    UnreadableContent,
    read_samples,
)
from ingest.storage import block_store
from ingest.storage.blocks import Overlay, overlay_samples, split_into_blocks
from ingest.storage.stored_files import load_content

_MARK_STORED = """
UPDATE ingest_measurement
SET status = 'stored', errors = NULL, sequence = %s,
    samples = %s, new = %s, identical = %s, replaced = %s, first_ms = %s, last_ms = %s
WHERE identity_id = %s AND id = %s
"""


@dataclass(slots=True)
class Reparsed:
    """The result: the files that are stored now, and the number of those still rejected."""

    stored: list[Measurement] = field(default_factory=list)
    still_rejected: int = 0


def reparse(identity_id: int, window: TimeWindow, max_lines: int) -> Iterator[Reparsed]:
    """Parse the rejected files of an identity again; yield the result so far after each.

    One file a transaction, under the lock of its series. Raises ``django.db.Error``. Not to be
    called in a transaction.
    """
    done = Reparsed()
    rejected = Measurement.objects.filter(
        identity_id=identity_id, status=Measurement.Status.REJECTED
    )
    for measurement_id in list(rejected.order_by("id").values_list("id", flat=True)):
        measurement = rejected.filter(pk=measurement_id).first()
        if measurement is None:  # deleted meanwhile, or stored by another run
            continue
        samples = _read(measurement, window, max_lines)
        if samples is not None and _store(measurement, samples):
            measurement.refresh_from_db()
            done.stored.append(measurement)
        else:
            done.still_rejected += 1
        yield done


def _read(measurement: Measurement, window: TimeWindow, max_lines: int) -> Samples | None:
    if not is_measurement_name(measurement.name):
        return None
    content, fault = load_content(measurement)
    if content is None or fault:
        return None
    try:
        return read_samples(content, window, max_lines)
    except (UnreadableContent, TooManyLines):
        return None


def _store(measurement: Measurement, samples: Samples) -> bool:
    """Overlay the file on its series; return False if it is no longer a rejected file."""
    identity_id, name = measurement.identity_id, measurement.name
    with transaction_without_timeouts():
        block_store.lock(identity_id, [name])
        still = Measurement.objects.select_for_update().filter(
            identity_id=identity_id, pk=measurement.pk, status=Measurement.Status.REJECTED
        )
        if not still.exists():
            return False
        stored = block_store.overlapping(identity_id, name, samples)
        overlay = overlay_samples([block for _, block in stored], samples)
        block_store.rewrite(
            identity_id, [(stored[index][0], block) for index, block in overlay.rewritten]
        )
        block_store.copy_blocks(
            identity_id, name, list(split_into_blocks(overlay.times, overlay.values))
        )
        _mark_stored(identity_id, measurement.pk, samples, overlay)
    return True


def _mark_stored(
    identity_id: int, measurement_id: uuid.UUID, samples: Samples, overlay: Overlay
) -> None:
    with connection.cursor() as cursor:
        # In a statement of its own: Citus refuses volatile functions in an UPDATE of distributed
        # tables.
        cursor.execute("SELECT nextval('ingest_measurement_sequence')")
        cursor.execute(
            _MARK_STORED,
            [
                cursor.fetchone()[0],
                samples.lines,
                overlay.new,
                overlay.identical,
                overlay.replaced,
                samples.first_ms,
                samples.last_ms,
                identity_id,
                measurement_id,
            ],
        )
