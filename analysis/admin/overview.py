"""Admin pages: the overview of all identities by state, and the page of one identity."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analysis.admin.data_pages import DataPagesAdmin
from analysis.admin.identity_list import Choice, find_page, make_columns, read_choice
from analysis.admin.identity_overview import describe_identity
from analysis.models import Overview
from analysis.queries.identity_status import (
    DEFAULT_STALE_AFTER,
    STALE_AFTER,
    STATES,
    IdentityStatus,
    count_states,
    determine_state,
    find_identity,
)
from analysis.queries.values_not_kept import count_values_not_kept
from identities.admin.checked_requests import render_page
from identities.admin.extensions import Link, identity_pages
from identities.admin.visible_rows import list_study_options
from identities.models import Identity
from identities.visibility import scope_of
from ingest.series_names import list_series_names
from ingest.time_range import describe_ahead

# Symbol, label and meaning of each state: no state is shown by its colour alone.
STATE_LABELS = {
    "failing": ("✖", gettext_lazy("failing"), gettext_lazy("a file was rejected within a day")),
    "overdue": (
        "▲",
        gettext_lazy("overdue"),
        gettext_lazy("no new sample within the reporting interval and its grace period"),
    ),
    "backfilling": (
        "▶",
        gettext_lazy("backfilling"),
        gettext_lazy("the samples are too old, but files arrive: a backlog is being sent"),
    ),
    "expiring": (
        "◆",
        gettext_lazy("expiring"),
        gettext_lazy("a certificate expires soon or has expired, and has not been replaced"),
    ),
    "stale": ("◌", gettext_lazy("stale"), gettext_lazy("no new sample for the chosen time")),
    "up-to-date": ("●", gettext_lazy("up to date"), gettext_lazy("samples arrived in time")),
    "idle": (
        "○",
        gettext_lazy("idle"),
        gettext_lazy("no device is registered, or none has sent samples yet"),
    ),
    "inactive": (
        "■",
        gettext_lazy("inactive"),
        gettext_lazy("requests from devices of this identity are rejected"),
    ),
}


@admin.register(Overview)
class OverviewAdmin(DataPagesAdmin[Overview]):
    """The list of identities with their states, and a page for each identity."""

    identity_path = "pk"
    permissions = ("identities.view_identity", "ingest.view_sampleblock")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.open_to_viewers
        return [
            path("", wrap(self.changelist_view), name="analysis_overview_changelist"),
            path("<str:identity>/", wrap(self.identity_view), name="analysis_overview_identity"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return a page of identities; ``read_choice`` has the parameters."""
        choice = read_choice(request)
        page = find_page(choice)
        scope = scope_of(request.user)
        context = {
            "title": _("Overview"),
            "counts": count_states(timezone.now(), choice.wanted.scope),
            "rows": _make_rows(page.rows),
            "choice": choice,
            "columns": make_columns(choice),
            "studies": list_study_options(scope),
            "names": list_series_names(scope),
            "stale_after_choices": list(STALE_AFTER),
            "filters": [_make_filter(state, choice) for state in ("", *STATES)],
            "checked": page.checked,
            "is_first": not choice.after,
            "first_query": choice.query(),
            "next_query": page.after and choice.query(after=page.after),
        }
        return render_page(self, request, "admin/analysis/overview/change_list.html", context)

    def identity_view(self, request: HttpRequest, identity: str) -> HttpResponse:
        """Return the page of one identity; ``?series=`` chooses the series of the calendar."""
        status = None if "\0" in identity else find_identity(identity, scope_of(request.user))
        if status is None:
            raise Http404
        state = determine_state(status, timezone.now(), STALE_AFTER[DEFAULT_STALE_AFTER])
        context = describe_identity(
            status,
            request.GET.get("series", ""),
            scope_of(request.user),
            with_attempts=request.user.has_perm("ingest.view_registrationattempt"),
        )
        context |= {"title": status.name, "row": _make_row(status, state)}
        return render_page(self, request, "admin/analysis/overview/identity.html", context)


def _make_rows(page: list[tuple[IdentityStatus, str]]) -> list[dict[str, Any]]:
    not_kept = count_values_not_kept([identity.id for identity, _state in page])
    return [
        _make_row(identity, state) | {"not_kept": not_kept.get(identity.id, 0)}
        for identity, state in page
    ]


def _make_row(identity: IdentityStatus, state: str) -> dict[str, Any]:
    symbol, label, meaning = STATE_LABELS[state]
    last_ms = identity.last_ms
    return {
        "identity": identity,
        "state": state,
        "symbol": symbol,
        "label": label,
        "meaning": meaning,
        "last": None if last_ms is None else datetime.fromtimestamp(last_ms / 1000, UTC),
        "ahead": "" if last_ms is None else describe_ahead(last_ms),
        "url": reverse("admin:analysis_overview_identity", args=[identity.name]),
    }


def _make_filter(state: str, choice: Choice) -> dict[str, Any]:
    symbol, label, _meaning = STATE_LABELS.get(state, ("", _("all"), ""))
    return {
        "label": f"{symbol} {label}".strip(),
        "query": choice.query(state=state),
        "is_chosen": choice.state == state,
    }


def link_data(request: HttpRequest, identity: Identity) -> Link | None:
    if not request.user.has_perm("ingest.view_sampleblock"):
        return None
    url = reverse("admin:analysis_overview_identity", args=[identity.name])
    return Link(_("Data"), url)


identity_pages.links.append(link_data)
