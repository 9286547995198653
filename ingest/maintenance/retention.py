"""Delete samples and files that are older than their retention policy allows.

Age counts from the time of a sample. Whole hours are deleted, and files whose samples are all in
them. Rejected files have no samples; ``delete_excess_rejected`` limits them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils import timezone

from identities.models import Identity
from ingest.maintenance import deletion
from ingest.maintenance.deletion import Amount
from ingest.maintenance.replay import series_names
from ingest.models import DataDeletion, RetentionPolicy
from ingest.storage.blocks import HOUR_MS

HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class Pruned:
    """The deleted amount of one series: everything before ``before_hour``."""

    identity: Identity
    name: str
    before_hour: int
    amount: Amount


def find_limits(now_ms: int, identity_id: int | None = None) -> Iterator[tuple[Identity, int]]:
    """Yield each identity that has a policy, and the first hour to keep."""
    days: dict[int | None, int | None] = {
        policy.identity_id: policy.keep_days for policy in RetentionPolicy.objects.all()
    }
    identities = Identity.objects.order_by("pk")
    if identity_id is not None:
        identities = identities.filter(pk=identity_id)
    for identity in identities:
        keep_days = days.get(identity.pk, days.get(None))
        if keep_days is not None:
            yield identity, now_ms // HOUR_MS - keep_days * HOURS_PER_DAY


def preview(now_ms: int, identity_id: int | None = None) -> Iterator[Pruned]:
    """Yield what ``prune`` would delete, series by series."""
    for identity, before_hour in find_limits(now_ms, identity_id):
        for name in series_names(identity.pk):
            amount = deletion.count_before(identity.pk, name, before_hour)
            if amount:
                yield Pruned(identity, name, before_hour, amount)


def prune(now_ms: int, by: str, identity_id: int | None = None) -> Iterator[Pruned]:
    """Delete what the policies do not allow to keep, and yield it series by series.

    Each identity with deleted data gets one record. Raises ``django.db.Error``; what was deleted
    before is recorded. Not to be called in a transaction.
    """
    record: DataDeletion | None = None
    for pruned in preview(now_ms, identity_id):
        if record is None or record.identity_number != pruned.identity.pk:
            _finish(record)
            record = DataDeletion.objects.create(
                kind=DataDeletion.Kind.PRUNE,
                identity_number=pruned.identity.pk,
                created_by=by[:150],
                before_ms=pruned.before_hour * HOUR_MS,
            )
        steps = deletion.delete_before(pruned.identity.pk, pruned.name, pruned.before_hour, record)
        amount = sum(steps, start=Amount())
        yield Pruned(pruned.identity, pruned.name, pruned.before_hour, amount)
    _finish(record)


def _finish(record: DataDeletion | None) -> None:
    if record is not None:
        DataDeletion.objects.filter(pk=record.pk).update(finished_at=timezone.now())
