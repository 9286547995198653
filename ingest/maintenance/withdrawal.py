"""Take back an upload that was a mistake: the file stays, marked; the series forgets it.

What the series holds afterwards is what it would hold had the file never come. The same bytes
sent again are a duplicate as before, so that no device brings them back.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.maintenance.rebuild import Rebuilt, rebuild_hours
from ingest.maintenance.replay import plan
from ingest.models import Measurement, Withdrawal
from ingest.storage import block_store
from ingest.storage.blocks import HOUR_MS
from ingest.storage.file_overlay import Hours, Layers
from ingest.storage.stored_files import load_samples

SAMPLES_A_RUN = 1_000_000
MAX_REASON = 500


class NotWithdrawable(Exception):
    """A file that is not in its series: rejected, or withdrawn before; the text says which."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What was done: hours made anew, and the samples that they hold now."""

    hours: int
    samples: int


def withdraw(measurement: Measurement, *, by: str, reason: str) -> Withdrawn:
    """Withdraw ``measurement``; ``by`` and ``reason`` are kept with it.

    All in one transaction under the lock of the series. Raises ``ValueError`` without a reason,
    ``NotWithdrawable``, ``DamagedOriginals`` (another file of these hours is damaged) or
    ``django.db.Error``; nothing is changed then. Not to be called in a transaction.
    """
    reason = reason.strip()
    if not reason:
        raise ValueError("A reason is needed.")
    identity_id, name = measurement.identity_id, measurement.name
    with transaction_without_timeouts():
        block_store.lock(identity_id, [name])
        kept = Measurement.objects.get(identity_id=identity_id, pk=measurement.pk)
        if kept.status != Measurement.Status.STORED:
            raise NotWithdrawable(f"The file {kept.pk} is {kept.status}, not stored.")
        touched = _touched_hours(kept)
        runs = plan(identity_id, name, SAMPLES_A_RUN)
        Measurement.objects.filter(identity_id=identity_id, pk=kept.pk).update(
            status=Measurement.Status.WITHDRAWN
        )
        Withdrawal.objects.create(measurement=kept, created_by=by[:150], reason=reason[:MAX_REASON])
        done = Rebuilt()
        for hours in runs:
            only = {hour for hour in touched if hours.first <= hour <= hours.last}
            if only:
                inside = Hours(min(only), max(only))
                rebuild_hours(identity_id, name, inside, done, only)
    return Withdrawn(hours=len(touched), samples=done.samples)


def _touched_hours(measurement: Measurement) -> set[int]:
    """Return the hours that the file has samples of, or may have if it cannot be read."""
    samples, fault = load_samples(measurement)
    if samples is not None and not fault:
        layers = Layers()
        layers.lay(samples.times, samples.values)
        return set(layers.result().hours())
    if measurement.first_ms is None or measurement.last_ms is None:
        return set()
    return set(range(measurement.first_ms // HOUR_MS, measurement.last_ms // HOUR_MS + 1))
