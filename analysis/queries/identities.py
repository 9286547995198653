"""Lists of identities: a page of the analysis API, and the participants of a study's pages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from analysis.queries.read_database import connection
from identities.models import Identity
from identities.search import clean_term, search_text
from identities.studies import Study, StudyIdentity
from identities.visibility import Scope

MAX_PARTICIPANTS = 500
_MAX_IDENTITIES_READ = 50
_LAST = "SELECT i.id, ingest_last_sample_ms(i.id) FROM unnest(%s::bigint[]) AS i(id)"
_NAMES = """
SELECT n.name FROM unnest(%s::bigint[]) AS i(id)
CROSS JOIN LATERAL ingest_series_names(i.id) AS n(name)
"""


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
    text = clean_term(contains)
    if text:
        identities = identities.filter(
            search_text(Identity, "name", text) | search_text(Identity, "description", text)
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


@dataclass(frozen=True)
class Participant:
    """An identity, with its code and period in the chosen study; an open end is None."""

    identity_id: int
    identity: str
    code: str = ""
    starts_on: date | None = None
    ends_on: date | None = None

    def takes_part(self, day: date) -> bool:
        has_begun = self.starts_on is None or self.starts_on <= day
        return has_begun and (self.ends_on is None or day <= self.ends_on)


def list_participants(scope: Scope, study: Study | None, contains: str) -> list[Participant]:
    """Return the identities by name, one more than ``MAX_PARTICIPANTS`` if there are more.

    ``contains`` is a part of the name or, in a study, of the participant code.
    """
    identities = _filter_identities(scope, study, contains)
    found = list(identities.values_list("pk", "name")[: MAX_PARTICIPANTS + 1])
    if study is None:
        return [Participant(pk, name) for pk, name in found]
    rows = StudyIdentity.objects.filter(study=study, identity__in=[pk for pk, _ in found])
    periods = {row.identity_id: row for row in rows}
    return [
        Participant(
            pk, name, periods[pk].participant_code, periods[pk].starts_on, periods[pk].ends_on
        )
        for pk, name in found
        if pk in periods
    ]


def list_measurement_names(scope: Scope, study: Study | None, contains: str) -> list[str]:
    """Return the names under which the first of the identities have samples, commonest first."""
    identities = _filter_identities(scope, study, contains)
    numbers = list(identities.values_list("pk", flat=True)[:_MAX_IDENTITIES_READ])
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [numbers])
        names = Counter(name for (name,) in cursor.fetchall())
    return sorted(names, key=lambda name: (-names[name], name))


def _filter_identities(scope: Scope, study: Study | None, contains: str) -> QuerySet[Identity]:
    identities = scope.identities().order_by(Lower("name"))
    named = search_text(Identity, "name", contains) if contains else Q()
    if study is not None:
        identities = identities.filter(participations__study=study)
        if contains:
            by_code = StudyIdentity.objects.filter(
                search_text(StudyIdentity, "participant_code", contains), study=study
            ).values("identity")
            return identities.filter(named | Q(pk__in=by_code))
    return identities.filter(named)
