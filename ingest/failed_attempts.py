"""Attempts that were refused although the key is one of ours: how a copied or lost card shows.

The attempts are kept by the application for devices, which this one does not import: they are
reached through the identity, whose ``attempts`` they are.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from identities.models import PreSharedKey

# The key was right once: somebody else used it before, staff revoked it, or it came too late.
WITH_A_KEY_OF_OURS = ("psk_exhausted", "psk_revoked", "psk_expired")


def with_refusals(keys: QuerySet[PreSharedKey]) -> QuerySet[Any]:
    """Return ``keys``, each with ``refused``: how many attempts with it were refused.

    Counted row by row, for those that are shown: a join would count for all keys first.
    """
    with_it = Q(
        identity__attempts__psk_hint=F("hint"), identity__attempts__outcome__in=WITH_A_KEY_OF_OURS
    )
    mine = PreSharedKey.objects.filter(pk=OuterRef("pk")).order_by()
    counted = mine.annotate(n=Sum("identity__attempts__count", filter=with_it)).values("n")
    return keys.annotate(refused=Coalesce(Subquery(counted), 0))
