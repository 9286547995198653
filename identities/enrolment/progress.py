"""How far an enrolment is: whose device has registered, whose has not, and why not."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, Count, F, Min, OuterRef, Q, QuerySet, Subquery, Value, When
from django.utils import timezone

from identities.enrolment.models import Enrolment
from identities.models import PreSharedKey

REGISTERED, PARTLY, WAITING = "registered", "partly registered", "waiting"
EXPIRED, REVOKED = "expired", "revoked"
STATES = (REGISTERED, PARTLY, WAITING, EXPIRED, REVOKED)


def state_of_place() -> Case:
    """Return the expression for how far a key's place is, one of ``STATES``.

    What has been used counts first: a registered device stays registered when its key expires
    or is revoked. ``registered`` means that no use is left, ``partly registered`` that some are
    gone and some left over.
    """
    return Case(
        When(uses__gte=F("max_uses"), then=Value(REGISTERED)),
        When(uses__gt=0, then=Value(PARTLY)),
        When(revoked_at__isnull=False, then=Value(REVOKED)),
        When(expires_at__lte=timezone.now(), then=Value(EXPIRED)),
        default=Value(WAITING),
    )


def places(enrolment: Enrolment) -> QuerySet[Any]:
    """Return the keys that stand for the enrolment's places: those that no other replaces.

    Each has ``progress``, one of ``STATES``.
    """
    keys = PreSharedKey.objects.filter(enrolment=enrolment, replaced_by=None)
    return keys.annotate(progress=state_of_place())


def with_first_device(keys: QuerySet[Any]) -> QuerySet[Any]:
    """Return ``keys``, each with ``since``: when the first device registered with it, or None."""
    mine = PreSharedKey.objects.filter(pk=OuterRef("pk")).order_by()
    first = mine.annotate(first=Min("certificates__bound_at")).values("first")
    found: QuerySet[Any] = keys.annotate(since=Subquery(first))
    return found


def left_over(keys: QuerySet[PreSharedKey]) -> QuerySet[PreSharedKey]:
    """Return those of ``keys`` with uses left that nobody has revoked: the ones to re-issue."""
    return keys.filter(replaced_by=None, revoked_at=None, uses__lt=F("max_uses"))


def counts(enrolment: Enrolment) -> dict[str, int]:
    """Return how many places are in each of ``STATES``, in their order."""
    found = places(enrolment).order_by().values_list("progress").annotate(n=Count("pk"))
    numbers = dict(found)
    return {state: numbers.get(state, 0) for state in STATES}


def with_counts(enrolments: QuerySet[Enrolment]) -> QuerySet[Enrolment]:
    """Return ``enrolments``, each with ``places`` and ``registered``: how many, of how many."""
    current = Q(keys__isnull=False, keys__replaced_by=None)
    return enrolments.annotate(
        places=Count("keys", filter=current),
        registered=Count("keys", filter=current & Q(keys__uses__gte=F("keys__max_uses"))),
    )
