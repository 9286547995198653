"""What the overview lists: its filters, its order and its pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from analysis.admin.data_pages import describe_columns
from analysis.admin.identity_search import find_ids
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
from analysis.queries.list_order import Order, read_offset, read_order
from identities.admin.keyset import MAX_COUNTED
from identities.search import clean_term
from identities.visibility import scope_of

IDENTITIES_PER_PAGE = 50
# Besides by name, which sorts a list of any length, a short one can be sorted by these.
SORT_KEYS: dict[str, Callable[[IdentityStatus, str], Any]] = {
    "state": lambda _identity, state: STATES.index(state),
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
    if the list is not sorted by name. ``is_cut``: the search finds more identities than it returns.
    """

    wanted: IdentityFilter
    study: str
    state: str
    stale_after: str
    order: Order
    sorts: tuple[str, ...]
    after: str
    is_cut: bool

    def query(self, **changed: str) -> str:
        """Return the query string of this choice's first page, with some parameters changed."""
        parameters = {
            "q": self.wanted.contains,
            "state": self.state,
            "stale_after": "" if self.stale_after == DEFAULT_STALE_AFTER else self.stale_after,
            "study": self.study,
            "name": self.wanted.measurement,
            "sort": "" if self.order == Order("name") else self.order.text,
            **changed,
        }
        return urlencode({key: text for key, text in parameters.items() if text})


def read_choice(request: HttpRequest) -> Choice:
    """Read ``q``, ``study``, ``name`` of a measurement, ``state``, ``stale_after`` and ``sort``.

    ``stale_after`` is the age of the last sample from which an identity is stale.
    """
    get = {name: clean_term(request.GET[name]) for name in request.GET}
    search, stale_after = get.get("q", ""), get.get("stale_after", "")
    scope = scope_of(request.user).in_study_number(get.get("study", ""))
    found_ids, is_cut = find_ids(search, request.user, scope, limit=MAX_COUNTED)
    wanted = IdentityFilter(scope, search, found_ids, get.get("name", "")[:64])
    sorts = ("name", *SORT_KEYS) if are_few(wanted, MAX_COUNTED) else ("name",)
    return Choice(
        wanted=wanted,
        study=get.get("study", ""),
        state=get["state"] if get.get("state") in STATES else "",
        stale_after=stale_after if stale_after in STALE_AFTER else DEFAULT_STALE_AFTER,
        order=read_order(get.get("sort", ""), sorts, "name"),
        sorts=sorts,
        after=get.get("after", ""),
        is_cut=is_cut,
    )


def find_page(choice: Choice) -> IdentityPage:
    stale_after = STALE_AFTER[choice.stale_after]
    if choice.order.column == "name":
        return list_identities(
            choice.wanted,
            state=choice.state,
            stale_after=stale_after,
            after=choice.after or None,
            is_descending=choice.order.is_descending,
            limit=IDENTITIES_PER_PAGE,
        )
    rows = sort_identities(
        choice.wanted,
        SORT_KEYS[choice.order.column],
        state=choice.state,
        stale_after=stale_after,
        is_descending=choice.order.is_descending,
        limit=MAX_COUNTED,
    )
    start = read_offset(choice.after)
    end = start + IDENTITIES_PER_PAGE
    return IdentityPage(rows[start:end], str(end) if len(rows) > end else None, len(rows))


def make_columns(choice: Choice) -> list[dict[str, Any]]:
    return describe_columns(
        COLUMNS, choice.order, choice.sorts, lambda sort: choice.query(sort=sort)
    )
