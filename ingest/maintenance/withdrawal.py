"""Withdraw a file that was uploaded by mistake: it stays, marked; its samples leave the series.

The series is then as if the file had never been received. The same bytes sent again are still a
duplicate, so no device brings them back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.maintenance import series_changes
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.maintenance.rebuild import Rebuilt, rebuild_hours
from ingest.maintenance.replay import plan
from ingest.models import Measurement, Withdrawal
from ingest.storage import block_store
from ingest.storage.blocks import HOUR_MS, HOUR_US
from ingest.storage.file_overlay import Hours
from ingest.storage.stored_files import load_file

SAMPLES_PER_RUN = 1_000_000
MAX_REASON_LENGTH = 500


class NotWithdrawable(Exception):
    """The file is not stored in its series: it is rejected, or withdrawn already."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The number of rebuilt hours, and of the samples in them now."""

    hours: int
    samples: int


def withdraw(measurement: Measurement, *, by: str, reason: str) -> Withdrawn:
    """Withdraw ``measurement``; ``by`` and ``reason`` are stored with it.

    One transaction under the lock of the series. Raises ``ValueError`` without a reason,
    ``NotWithdrawable``, ``DamagedOriginals`` (another file of these hours is damaged) or
    ``django.db.Error``, with nothing changed. Not to be called in a transaction.
    """
    reason = reason.strip()
    if not reason:
        raise ValueError("A reason is required.")
    identity_id, names = measurement.identity_id, measurement.series_names()
    with transaction_without_timeouts():
        block_store.lock(identity_id, {measurement.name, *names})
        row = Measurement.objects.get(identity_id=identity_id, pk=measurement.pk)
        if row.status != Measurement.Status.STORED:
            raise NotWithdrawable(f"The file {row.pk} is {row.status}, not stored.")
        affected = _affected_hours(row)
        Measurement.objects.filter(identity_id=identity_id, pk=row.pk).update(
            status=Measurement.Status.WITHDRAWN
        )
        Withdrawal.objects.create(
            measurement=row, created_by=by[:150], reason=reason[:MAX_REASON_LENGTH]
        )
        done = Rebuilt()
        for name in names:
            _rebuild(identity_id, name, affected, done)
            if affected:
                series_changes.record(
                    series_changes.Kind.WITHDRAWN,
                    identity_id,
                    name,
                    min(affected) * HOUR_MS,
                    (max(affected) + 1) * HOUR_MS - 1,
                    measurement_id=row.pk,
                )
    return Withdrawn(hours=len(affected), samples=done.samples)


def _rebuild(identity_id: int, name: str, affected: set[int], done: Rebuilt) -> None:
    for hours in plan(identity_id, name, SAMPLES_PER_RUN):
        only = {hour for hour in affected if hours.first <= hour <= hours.last}
        if only:
            rebuild_hours(identity_id, name, Hours(min(only), max(only)), done, only)


def _affected_hours(measurement: Measurement) -> set[int]:
    """Return the hours that have samples of the file, or may have if it is unreadable."""
    file, fault = load_file(measurement)
    if file is not None and not fault:
        return {
            hour for column in file.columns for hour in np.unique(column.times // HOUR_US).tolist()
        }
    if measurement.first_ms is None or measurement.last_ms is None:
        return set()
    return set(range(measurement.first_ms // HOUR_MS, measurement.last_ms // HOUR_MS + 1))
