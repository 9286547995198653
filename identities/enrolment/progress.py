"""The progress of an enrolment: how many of its keys have registered devices.

A place is one key of the list, represented by the latest key that was issued for it.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.utils import timezone

from identities.models import Enrolment, PreSharedKey

REGISTERED, PARTLY, WAITING = "registered", "partly registered", "waiting"
EXPIRED, REVOKED = "expired", "revoked"
STATES = (REGISTERED, PARTLY, WAITING, EXPIRED, REVOKED)


def _state_expression() -> Case:
    """Return the expression for a place's state, one of ``STATES``.

    Uses come first: a device stays registered when its key expires or is revoked.
    ``registered`` has no use left, ``partly registered`` has used some.
    """
    return Case(
        When(uses__gte=F("max_uses"), then=Value(REGISTERED)),
        When(uses__gt=0, then=Value(PARTLY)),
        When(revoked_at__isnull=False, then=Value(REVOKED)),
        When(expires_at__lte=timezone.now(), then=Value(EXPIRED)),
        default=Value(WAITING),
    )


def places(enrolment: Enrolment) -> QuerySet[Any]:
    """Return the enrolment's keys that have no replacement, annotated with ``progress``."""
    keys = PreSharedKey.objects.filter(enrolment=enrolment, replaced_by=None)
    return keys.annotate(progress=_state_expression())


def reissuable(keys: QuerySet[PreSharedKey]) -> QuerySet[PreSharedKey]:
    """Return those of ``keys`` that have uses left and are neither revoked nor replaced."""
    return keys.filter(replaced_by=None, revoked_at=None, uses__lt=F("max_uses"))


def count_states(enrolment: Enrolment) -> dict[str, int]:
    """Return the number of places in each of ``STATES``, in their order."""
    counts = dict(places(enrolment).order_by().values_list("progress").annotate(n=Count("pk")))
    return {state: counts.get(state, 0) for state in STATES}


def with_counts(enrolments: QuerySet[Enrolment]) -> QuerySet[Enrolment]:
    """Annotate ``enrolments`` with the numbers of ``places`` and of ``registered`` places."""
    current = Q(keys__isnull=False, keys__replaced_by=None)
    return enrolments.annotate(
        places=Count("keys", filter=current),
        registered=Count("keys", filter=current & Q(keys__uses__gte=F("keys__max_uses"))),
    )
