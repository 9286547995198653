"""Delete samples and files that are older than their retention policy allows.

Age counts from the time of a sample. Whole hours are deleted, and files whose samples are all in
them. Rejected files have no samples; ``delete_excess_rejected`` limits them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils import timezone

from identities.models import Identity
from identities.studies import Study, StudyIdentity
from identities.visibility import EVERYTHING, Scope
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


def find_limits(
    now_ms: int, identity_id: int | None = None, scope: Scope = EVERYTHING
) -> Iterator[tuple[Identity, int]]:
    """Yield each identity of ``scope`` that has a policy, and the first hour to keep."""
    policies = list(RetentionPolicy.objects.all())
    own = {each.identity_id: each.keep_days for each in policies if each.identity_id is not None}
    of_studies = _find_study_limits(policies)
    overall = next((each.keep_days for each in policies if each.is_overall), None)
    identities = scope.identities().order_by("pk")
    if identity_id is not None:
        identities = identities.filter(pk=identity_id)
    for identity in identities:
        keep_days = own.get(identity.pk, of_studies.get(identity.pk, overall))
        if keep_days is not None:
            yield identity, now_ms // HOUR_MS - keep_days * HOURS_PER_DAY


def _find_study_limits(policies: Iterable[RetentionPolicy]) -> dict[int, int | None]:
    """Return the days to keep of identities in studies with a policy: the longest of theirs."""
    days = {each.study_id: each.keep_days for each in policies if each.study_id is not None}
    sites = Study.objects.filter(parent_id__in=days).exclude(pk__in=days)
    days |= {site: days[parent] for site, parent in sites.values_list("pk", "parent_id")}
    longest: dict[int, int | None] = {}
    taking_part = StudyIdentity.objects.filter(study_id__in=days).order_by()
    for identity_id, study_id in taking_part.values_list("identity_id", "study_id"):
        kept = longest.get(identity_id, 0)
        keep_days = days[study_id]
        both = kept is not None and keep_days is not None
        longest[identity_id] = max(kept, keep_days) if both else None  # type: ignore[type-var]
    return longest


def preview(
    now_ms: int, identity_id: int | None = None, scope: Scope = EVERYTHING
) -> Iterator[Pruned]:
    """Yield what ``prune`` would delete, series by series."""
    for identity, before_hour in find_limits(now_ms, identity_id, scope):
        for name in series_names(identity.pk):
            amount = deletion.count_before(identity.pk, name, before_hour)
            if amount:
                yield Pruned(identity, name, before_hour, amount)


def prune(
    now_ms: int, by: str, identity_id: int | None = None, scope: Scope = EVERYTHING
) -> Iterator[Pruned]:
    """Delete what the policies do not allow to keep in ``scope``; yield it series by series.

    Each identity with deleted data gets one record. Raises ``django.db.Error``; what was deleted
    before is recorded. Not to be called in a transaction.
    """
    record: DataDeletion | None = None
    for pruned in preview(now_ms, identity_id, scope):
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
