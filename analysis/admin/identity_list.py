"""What the overview lists: its filters, its order and its pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from analysis.admin.identity_search import find_by_evidence
from analysis.queries.identity_status import (
    DEFAULT_STALE_AFTER,
    STALE_AFTER,
    STATES,
    IdentityFilter,
    IdentityPage,
    IdentityStatus,
    are_few,
    list_identities,
    sort_identities,
)
from identities.visibility import scope_of

IDENTITIES_PER_PAGE = 50
# By these the list can be sorted: names at any length, the others if it has few identities.
SORT_KEYS: dict[str, Callable[[IdentityStatus, str], Any]] = {
    "state": lambda _identity, state: STATES.index(state),
    "name": lambda identity, _state: identity.name.lower(),
    "last": lambda identity, _state: identity.last_ms,
    "devices": lambda identity, _state: identity.devices,
    "expires": lambda identity, _state: identity.expires_at,
    "rejected": lambda identity, _state: identity.rejected_at,
    "conflicts": lambda identity, _state: identity.conflicts,
}
COLUMNS = (
    ("state", gettext_lazy("State"), False),
    ("name", gettext_lazy("Identity"), False),
    ("last", gettext_lazy("Last sample"), False),
    ("devices", gettext_lazy("Devices"), True),
    ("expires", gettext_lazy("Certificate expires"), False),
    ("rejected", gettext_lazy("Last file rejected"), False),
    ("conflicts", gettext_lazy("Conflicts"), True),
    ("", gettext_lazy("Not kept in a day"), True),
)


@dataclass(frozen=True)
class Choice:
    """What the list shows, from the parameters of its address; invalid ones give the defaults.

    ``after`` is the name of the last identity of the page before, or the number of those before it
    if the list is not sorted by name.
    """

    wanted: IdentityFilter
    study: str
    state: str
    stale_after: str
    sort: str
    is_descending: bool
    after: str
    can_sort: bool

    @property
    def sort_text(self) -> str:
        return f"{'-' if self.is_descending else ''}{self.sort}"

    def query(self, **changed: str) -> str:
        """Return the query string of this choice's first page, with some parameters changed."""
        parameters = {
            "q": self.wanted.contains,
            "state": self.state,
            "stale_after": "" if self.stale_after == DEFAULT_STALE_AFTER else self.stale_after,
            "study": self.study,
            "name": self.wanted.measurement,
            "sort": "" if self.sort_text == "name" else self.sort_text,
            **changed,
        }
        return urlencode({key: text for key, text in parameters.items() if text})


def read_choice(request: HttpRequest) -> Choice:
    """Read ``q``, ``study``, ``name`` of a measurement, ``state``, ``stale_after`` and ``sort``.

    ``stale_after`` is the age of the last sample from which an identity is stale.
    """
    get = {name: request.GET[name].replace("\0", "").strip() for name in request.GET}
    search, stale_after = get.get("q", ""), get.get("stale_after", "")
    scope = scope_of(request.user).in_study_number(get.get("study", ""))
    also = find_by_evidence(search, scope, request.user.has_perm)
    wanted = IdentityFilter(scope, search, also, get.get("name", "")[:64])
    can_sort = are_few(wanted)
    sort = get.get("sort", "name")
    is_known = sort.lstrip("-") in SORT_KEYS and (can_sort or sort.lstrip("-") == "name")
    return Choice(
        wanted=wanted,
        study=get.get("study", ""),
        state=get["state"] if get.get("state") in STATES else "",
        stale_after=stale_after if stale_after in STALE_AFTER else DEFAULT_STALE_AFTER,
        sort=sort.lstrip("-") if is_known else "name",
        is_descending=is_known and sort.startswith("-"),
        after=get.get("after", ""),
        can_sort=can_sort,
    )


def find_page(choice: Choice) -> IdentityPage:
    stale_after = STALE_AFTER[choice.stale_after]
    if choice.sort == "name":
        return list_identities(
            choice.wanted,
            state=choice.state,
            stale_after=stale_after,
            after=choice.after or None,
            is_descending=choice.is_descending,
            limit=IDENTITIES_PER_PAGE,
        )
    rows = sort_identities(
        choice.wanted,
        SORT_KEYS[choice.sort],
        state=choice.state,
        stale_after=stale_after,
        is_descending=choice.is_descending,
    )
    start = int(choice.after) if choice.after.isascii() and choice.after.isdigit() else 0
    end = start + IDENTITIES_PER_PAGE
    return IdentityPage(rows[start:end], str(end) if len(rows) > end else None, len(rows))


def make_columns(choice: Choice) -> list[dict[str, Any]]:
    """Return the columns, with a query that sorts by each if that can be had."""
    columns = []
    for name, label, is_number in COLUMNS:
        is_chosen = choice.sort == name
        sign = "-" if is_chosen and not choice.is_descending else ""
        can_sort = name in SORT_KEYS and (choice.can_sort or name == "name")
        order = "descending" if choice.is_descending else "ascending"
        columns.append(
            {
                "label": label,
                "is_number": is_number,
                "query": choice.query(sort=sign + name) if can_sort else "",
                "order": order if is_chosen else "none",
            }
        )
    return columns
