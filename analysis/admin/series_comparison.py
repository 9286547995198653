"""The series of the comparison page, from its address or as typed, and suggestions for them."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from analysis.queries.series import Series, UnknownSeriesError, find_series, list_series
from identities.search import clean_term
from identities.visibility import Scope

MAX_COMPARED_SERIES = 6
MAX_SUGGESTIONS = 20
# Of identities with the typed part in their names, this number of series is read.
_MAX_READ = 300


@dataclass(frozen=True)
class Comparison:
    """The series found; ``text`` is one that was not, and ``error`` says why."""

    series: list[Series]
    text: str = ""
    error: str = ""


def read_comparison(requested: list[str], scope: Scope) -> Comparison:
    """Return the series that ``requested`` names as IDENTITY/NAME, each once."""
    found: dict[tuple[int, str], Series] = {}
    text = error = ""
    for wanted in dict.fromkeys(each.strip() for each in requested):
        if not wanted:
            continue
        series, reason = _find(wanted, scope)
        if series is not None and len(found) == MAX_COMPARED_SERIES:
            series, reason = None, _("At most %(most)s series fit into a chart.")
        if series is not None:
            found[series.identity_id, series.name] = series
        elif not error:
            text = wanted[:129]
            error = reason % {"most": MAX_COMPARED_SERIES}
    if not found and not error:
        error = _("Choose at least one series.")
    return Comparison([*found.values()], text, error)


def _find(wanted: str, scope: Scope) -> tuple[Series | None, str]:
    identity, slash, name = wanted.partition("/")
    if not slash or "/" in name or "\0" in wanted:
        return None, _("Write it as IDENTITY/NAME, and choose one of the suggestions.")
    try:
        return find_series(identity, name, scope), ""
    except UnknownSeriesError:
        return None, _("There is no such series: choose one of the suggestions.")


def suggest(text: str, scope: Scope) -> list[str]:
    """Return series as IDENTITY/NAME whose identity has the part before the slash in its name.

    Their names begin with the part behind the slash; without one either may match.
    """
    identity, slash, start = clean_term(text).partition("/")
    page = list_series(scope, contains=identity, limit=_MAX_READ)
    titles = [f"{series.identity}/{series.name}" for series in page.series]
    if slash:
        titles = [each for each in titles if each.partition("/")[2].startswith(start)]
    return titles[:MAX_SUGGESTIONS]
