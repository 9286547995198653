"""The overview: how each identity fares, and a page with a year of one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext

from analysis.admin.identity_overview import describe_identity
from analysis.models import Overview
from analysis.queries.identity_status import (
    QUIET_AFTER,
    STATES,
    USUALLY_QUIET_AFTER,
    Watched,
    count_watched,
    find_watched,
    list_watched,
    tell_state,
)
from identities.admin.extensions import Link, identity_pages
from identities.models import Identity
from ingest.admin.read_only import EvidenceAdmin

PER_PAGE = 50
# A shape, a word and what it means: the colour only helps.
LIGHTS = {
    "failing": ("✖", "failing", "a file was rejected within a day"),
    "late": ("▲", "late", "nothing new came within the expected interval and its grace"),
    "catching-up": ("▶", "catching up", "too old, but files come: a backlog is being sent"),
    "expiring": ("◆", "expiring", "a certificate without a successor ends soon, or has ended"),
    "quiet": ("◌", "quiet", "nothing new came for the time chosen"),
    "fine": ("●", "up to date", "samples came in time"),
    "idle": ("○", "idle", "no device is bound, or none has sent yet"),
    "off": ("■", "switched off", "devices of this identity are refused"),
}


@admin.register(Overview)
class OverviewAdmin(EvidenceAdmin[Overview]):
    """A list that says who needs looking at, and for each identity a page."""

    def has_view_permission(self, request: HttpRequest, obj: Overview | None = None) -> bool:
        """Tell whether the user may see identities and their samples."""
        return request.user.has_perms(["identities.view_identity", "ingest.view_sampleblock"])

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the overview is listed on the first page."""
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """Return the list and the page of one identity, and nothing else."""
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.changelist_view), name="analysis_overview_changelist"),
            path("<str:identity>/", wrap(self.identity_view), name="analysis_overview_identity"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return a page of identities: ``q`` is in the name, ``state`` and ``quiet`` filter."""
        self._check(request)
        search = request.GET.get("q", "").strip()
        state = request.GET.get("state", "")
        quiet = request.GET.get("quiet", USUALLY_QUIET_AFTER)
        quiet = quiet if quiet in QUIET_AFTER else USUALLY_QUIET_AFTER
        after = request.GET.get("after", "").replace("\0", "") or None
        page = list_watched(
            contains=search,
            state=state if state in STATES else "",
            quiet_after=QUIET_AFTER[quiet],
            after=after,
            limit=PER_PAGE,
        )
        given = {"q": search, "state": state, "quiet": quiet}
        return self._render(
            request,
            "change_list",
            title="Overview",
            counts=count_watched(timezone.now()),
            rows=[_row(each, its_state) for each, its_state in page.rows],
            search=search,
            state=state,
            quiet=quiet,
            quiet_choices=list(QUIET_AFTER),
            filters=[_filter(each, given) for each in ("", *STATES)],
            looked_at=page.looked_at,
            is_first=after is None,
            next_query=page.after and urlencode({**given, "after": page.after}),
        )

    def identity_view(self, request: HttpRequest, identity: str) -> HttpResponse:
        """Return the page of one identity."""
        self._check(request)
        found = None if "\0" in identity else find_watched(identity)
        if found is None:
            raise Http404
        state = tell_state(found, timezone.now(), QUIET_AFTER[USUALLY_QUIET_AFTER])
        return self._render(
            request,
            "identity",
            title=found.name,
            row=_row(found, state),
            **describe_identity(found, request.GET.get("series", "")),
        )

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _render(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            f"admin/analysis/overview/{template}.html",
            {**self.admin_site.each_context(request), "opts": self.opts, **context},
        )


def _row(found: Watched, state: str) -> dict[str, Any]:
    shape, word, meaning = LIGHTS[state]
    last = found.last_ms
    return {
        "found": found,
        "state": state,
        "shape": shape,
        "word": word,
        "meaning": meaning,
        "last": None if last is None else datetime.fromtimestamp(last / 1000, UTC),
        "address": reverse("admin:analysis_overview_identity", args=[found.name]),
    }


def _filter(state: str, given: dict[str, str]) -> dict[str, Any]:
    shape, word, _ = LIGHTS.get(state, ("", "all", ""))
    return {
        "word": f"{shape} {word}".strip(),
        "query": urlencode({**given, "state": state}),
        "is_chosen": given["state"] == state,
    }


def link_data(request: HttpRequest, identity: Identity) -> Link | None:
    """Return the link from an identity's page to its data."""
    if not request.user.has_perm("ingest.view_sampleblock"):
        return None
    url = reverse("admin:analysis_overview_identity", args=[identity.name])
    return Link(gettext("Data"), url)


identity_pages.links.append(link_data)
