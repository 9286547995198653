"""The progress of an enrolment: how many of its keys have registered devices.

A row of the list may have had several keys, one after the other: the latest counts.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Case, Count, Exists, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from identities.models import Enrolment, PreSharedKey
from identities.search import is_among
from identities.studies import StudyIdentity
from identities.visibility import VIEW_KEYS, Scope

REGISTERED, PARTLY, WAITING = "registered", "partly registered", "waiting"
EXPIRED, REVOKED = "expired", "revoked"
STATES = (REGISTERED, PARTLY, WAITING, EXPIRED, REVOKED)
# Either lets staff view enrolments.
VIEW_ENROLMENTS = (VIEW_KEYS, "identities.change_presharedkey")


def _state_expression() -> Case:
    """Return the expression for the state of a row of the list, one of ``STATES``.

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


def places(enrolment: Enrolment, scope: Scope) -> QuerySet[Any]:
    """Return the enrolment's keys in ``scope`` without a replacement, with their ``progress``."""
    keys = PreSharedKey.objects.filter(enrolment=enrolment, replaced_by=None)
    return scope.filter(keys).annotate(progress=_state_expression())


def reissuable(keys: QuerySet[PreSharedKey]) -> QuerySet[PreSharedKey]:
    """Return those of ``keys`` that have uses left and are neither revoked nor replaced."""
    return keys.filter(replaced_by=None, revoked_at=None, uses__lt=F("max_uses"))


def count_states(enrolment: Enrolment, scope: Scope) -> dict[str, int]:
    """Return the number of places in each of ``STATES``, in their order."""
    counts = dict(
        places(enrolment, scope).order_by().values_list("progress").annotate(n=Count("pk"))
    )
    return {state: counts.get(state, 0) for state in STATES}


def with_counts(enrolments: QuerySet[Enrolment], scope: Scope) -> QuerySet[Enrolment]:
    """Select enrolments with keys in ``scope``; annotate their ``places`` and ``registered`` ones.

    Only keys in ``scope`` are counted. Enrolments without keys are in the scope of everything.
    """
    if scope.study_ids is not None:
        keys = PreSharedKey.objects.filter(enrolment__isnull=False)
        if scope.is_small:  # from its identities: most keys of an enrolment may be others'
            taking_part = StudyIdentity.objects.filter(study_id__in=scope.study_ids)
            of_scope = keys.filter(is_among("identity_id", taking_part.values("identity_id")))
            enrolments = enrolments.filter(pk__in=of_scope.values("enrolment"))
        else:
            enrolments = enrolments.filter(
                Exists(scope.filter(keys.filter(enrolment=OuterRef("pk"))))
            )
    # Counted by subqueries for the rows of a page: a join would count for all enrolments.
    current = scope.filter(PreSharedKey.objects.filter(enrolment=OuterRef("pk"), replaced_by=None))
    return enrolments.annotate(
        places=_count(current), registered=_count(current.filter(uses__gte=F("max_uses")))
    )


def _count(keys: QuerySet[PreSharedKey]) -> Coalesce:
    counted = keys.order_by().values("enrolment").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)
