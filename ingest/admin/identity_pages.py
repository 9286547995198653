"""What the pages of identities, keys and enrolments show of devices: certificates and attempts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from identities.admin.extensions import Link, enrolment_pages, identity_pages, key_pages
from identities.admin.identities import link_count
from identities.enrolment import progress
from identities.models import Enrolment, Identity, PreSharedKey
from identities.visibility import scope_of
from ingest.admin.measurement_filters import NameFilter
from ingest.models import DeviceCertificate, RegistrationAttempt
from ingest.series_names import has_series

# The key was valid once: another device used it up, staff revoked it, or it has expired.
FAILURES_WITH_KNOWN_KEY = ("psk_exhausted", "psk_revoked", "psk_expired")
MAX_KEYS_LISTED = 20


# --- Identities ------------------------------------------------------------------------------
def with_live_certificates(identities: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate ``identities`` with ``live_certificates``, the number of them."""
    now = timezone.now()
    live = DeviceCertificate.objects.live(now).filter(identity=OuterRef("pk"))
    count = live.order_by().values("identity").annotate(n=Count("pk")).values("n")
    annotated: QuerySet[Any] = identities.annotate(live_certificates=Coalesce(Subquery(count), 0))
    return annotated


@admin.display(description=gettext_lazy("live certificates"), ordering="live_certificates")
def certificates(identity: Any) -> SafeString:
    name = "admin:ingest_devicecertificate_changelist"
    return link_count(identity, name, identity.live_certificates, "live certificate")


class SeriesFilter(NameFilter):
    """Identities that have a series of a measurement."""

    parameter_name = "measurement"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(has_series(self.value() or "")) if self.value() else queryset


def link_attempts(request: HttpRequest, identity: Identity) -> Link | None:
    if not request.user.has_perm("ingest.view_registrationattempt"):
        return None
    url = reverse("admin:ingest_registrationattempt_changelist")
    return Link(gettext("Registration attempts"), f"{url}?{urlencode({'q': identity.name})}")


# --- Keys ------------------------------------------------------------------------------------
def with_failed_attempts(keys: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate ``keys`` with ``failed_attempts``, the number of registrations refused with them.

    Such attempts may mean that a credential card was copied or lost. They are counted by a subquery
    for the rows of the page: a join would count for all keys.
    """
    failed = Q(
        identity__attempts__psk_hint=F("hint"),
        identity__attempts__outcome__in=FAILURES_WITH_KNOWN_KEY,
    )
    row = PreSharedKey.objects.filter(pk=OuterRef("pk")).order_by()
    count = row.annotate(n=Sum("identity__attempts__count", filter=failed)).values("n")
    annotated: QuerySet[Any] = keys.annotate(failed_attempts=Coalesce(Subquery(count), 0))
    return annotated


@admin.display(description=gettext_lazy("failed attempts"))
def failed_attempts(key: Any) -> str | SafeString:
    if not key.failed_attempts:
        return "0"
    link = '<a class="state state-revoked" href="{}">{}</a>'
    return format_html(link, _attempts_url(key), key.failed_attempts)


def _attempts_url(key: PreSharedKey) -> str:
    url = reverse("admin:ingest_registrationattempt_changelist")
    return f"{url}?{urlencode({'q': key.hint, 'outcome': 'refused'})}"


class FailedAttemptsFilter(admin.SimpleListFilter):
    title = gettext_lazy("failed attempts")
    parameter_name = "refused"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", gettext("With failed attempts"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "yes":
            return queryset
        # Only the keys of these identities are counted, instead of all.
        failed = RegistrationAttempt.objects.filter(
            outcome__in=FAILURES_WITH_KNOWN_KEY, identity__isnull=False
        )
        identities = failed.order_by().values_list("identity", flat=True).distinct()
        return queryset.filter(identity__in=list(identities), failed_attempts__gt=0)


def certificates_url(key: PreSharedKey) -> str:
    url = reverse("admin:ingest_devicecertificate_changelist")
    return f"{url}?bound_with__id__exact={key.pk}"


def render_registration_status(request: HttpRequest, key: PreSharedKey) -> str:
    """Return the panel of a new key's card that shows when a device registers."""
    return render_to_string("admin/ingest/registration_status.html", {"key": key}, request)


# --- Enrolments ------------------------------------------------------------------------------
def with_first_registration(keys: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate ``keys`` with ``first_registration``, the time of it or None."""
    row = PreSharedKey.objects.filter(pk=OuterRef("pk")).order_by()
    first = row.annotate(first=Min("certificates__bound_at")).values("first")
    annotated: QuerySet[Any] = keys.annotate(first_registration=Subquery(first))
    return annotated


@admin.display(description=gettext_lazy("registered (UTC)"))
def first_registration(key: Any) -> str:
    moment = key.first_registration
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def render_failed_attempts(request: HttpRequest, enrolment: Enrolment) -> str:
    """Return the panel of an enrolment's keys with failed attempts, "" if there are none."""
    places = progress.places(enrolment, scope_of(request.user, *progress.VIEW_ENROLMENTS))
    keys = with_failed_attempts(places.select_related("identity"))
    failed = [
        (key, _attempts_url(key)) for key in keys.filter(failed_attempts__gt=0)[:MAX_KEYS_LISTED]
    ]
    if not failed:
        return ""
    return render_to_string("admin/ingest/failed_attempts.html", {"keys": failed}, request)


identity_pages.annotations.append(with_live_certificates)
identity_pages.columns.append(certificates)
identity_pages.filters.append(SeriesFilter)
identity_pages.links.append(link_attempts)
key_pages.annotations.append(with_failed_attempts)
key_pages.columns.append(failed_attempts)
key_pages.filters.append(FailedAttemptsFilter)
key_pages.panels.append(render_registration_status)
key_pages.uses_url = certificates_url
enrolment_pages.annotations.append(with_first_registration)
enrolment_pages.columns.append(first_registration)
enrolment_pages.panels.append(render_failed_attempts)
