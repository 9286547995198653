"""Parse rejected files again: after a fix, or with a wider window of accepted times.

A file that is readable now is overlaid on its series as if it had just been received, over later
files too. Its receipt keeps its id and its time of reception.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db import connection

from ingest.file_reading import read_file
from ingest.maintenance import series_changes
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.models import Measurement
from ingest.parsing.samples import FileLimits, FileSamples, LimitExceeded, TimeWindow
from ingest.storage import block_store
from ingest.storage.block_overlay import overlay_series
from ingest.storage.overlap_budget import OverlapBudget
from ingest.storage.prepared_files import (
    PreparedFile,
    PreparedSeries,
    prepare_series,
)
from ingest.storage.stored_files import load_content, report_damage

_RECEIPT_FIELDS = (
    "lines", "samples", "new", "identical", "replaced", "repeated", "rounded",
    "first_ms", "last_ms", "series",
)  # fmt: skip
_Read = tuple[FileSamples, tuple[str, ...] | None]


@dataclass(slots=True)
class Reparsed:
    """The result: the files that are stored now, and the number of those still rejected."""

    stored: list[Measurement] = field(default_factory=list)
    still_rejected: int = 0


def reparse(identity_id: int, window: TimeWindow, limits: FileLimits) -> Iterator[Reparsed]:
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
        read = _read(measurement, window, limits)
        if read is not None and _store(measurement, *read):
            measurement.refresh_from_db()
            done.stored.append(measurement)
        else:
            done.still_rejected += 1
        yield done


def _read(measurement: Measurement, window: TimeWindow, limits: FileLimits) -> _Read | None:
    content, fault = load_content(measurement)
    if fault:
        report_damage(measurement.identity_id, measurement.pk, measurement.name, fault)
    if content is None or fault:
        return None
    try:
        file, columns, errors = read_file(measurement.name, content, window, limits)
    except LimitExceeded:
        return None
    return None if file is None or errors else (file, columns)


def _store(measurement: Measurement, file: FileSamples, columns: tuple[str, ...] | None) -> bool:
    """Overlay the file on its series; return False if it is no longer a rejected file."""
    identity_id = measurement.identity_id
    series = prepare_series(measurement.name, columns, file.columns)
    with transaction_without_timeouts():
        block_store.lock(identity_id, {measurement.name, *(each.name for each in series)})
        rejected = Measurement.objects.select_for_update().filter(
            identity_id=identity_id, pk=measurement.pk, status=Measurement.Status.REJECTED
        )
        if not rejected.exists():
            return False
        no_limit = OverlapBudget(left=2**62)
        overlaid, _ = overlay_series(identity_id, series, no_limit)
        blocks = [(each.name, block) for each in overlaid for block in each.blocks]
        block_store.copy_blocks(identity_id, blocks)
        for name in {name for name, _ in blocks}:
            block_store.update_series(identity_id, name)
        receipt = PreparedFile(
            id=measurement.pk,
            name=measurement.name,
            filename=measurement.filename,
            content_type=measurement.content_type,
            size=measurement.size,
            sha256=bytes(measurement.sha256),
            content=b"",
            lines=file.lines,
            rounded=file.rounded,
            columns=columns,
            series=tuple(overlaid),
        ).receipt()
        rejected.update(
            status=Measurement.Status.STORED,
            errors=None,
            sequence=_next_sequence(),
            columns=None if columns is None else list(columns),
            **{name: getattr(receipt, name) for name in _RECEIPT_FIELDS},
        )
        _record_changes(measurement, overlaid)
    return True


def _record_changes(measurement: Measurement, series: Sequence[PreparedSeries]) -> None:
    for counts in (each.counts() for each in series):
        if counts.first_ms is not None and counts.last_ms is not None:
            series_changes.record(
                series_changes.Kind.REPARSED,
                measurement.identity_id,
                counts.name,
                counts.first_ms,
                counts.last_ms,
                measurement_id=measurement.pk,
            )


def _next_sequence() -> int:
    # In a statement of its own: Citus refuses volatile functions in an UPDATE of distributed
    # tables.
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('ingest_measurement_sequence')")
        return int(cursor.fetchone()[0])
