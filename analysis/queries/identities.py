"""The list of identities of the analysis API."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Lower

from analysis.queries.read_database import connection
from identities.models import Identity
from identities.search import contains_text
from identities.visibility import Scope

_LAST = "SELECT i.id, ingest_last_sample_ms(i.id) FROM unnest(%s::bigint[]) AS i(id)"


@dataclass(frozen=True)
class IdentityRow:
    """An identity and the time of its last sample, epoch milliseconds, None without any."""

    identity: Identity
    last_ms: int | None


def find_identities(
    scope: Scope, *, contains: str, after: str | None, limit: int
) -> tuple[list[IdentityRow], str | None]:
    """Return at most ``limit`` identities of ``scope`` after the name ``after``, by name.

    ``contains`` is a part of the name or of the description, ignoring case. The second value is
    the name after which the next page starts, None on the last one.
    """
    identities = scope.identities().alias(key=Lower("name")).order_by("key")
    text = contains.replace("\0", "").strip()
    if text:
        identities = identities.filter(
            Q(contains_text("name", text)) | Q(contains_text("description", text))
        )
    if after is not None:
        identities = identities.filter(key__gt=after.lower())
    found = list(identities[: limit + 1])
    page = found[:limit]
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [[identity.pk for identity in page]])
        last = dict(cursor.fetchall())
    rows = [IdentityRow(identity, last.get(identity.pk)) for identity in page]
    return rows, page[-1].name if len(found) > limit else None
