"""Enrolments in the admin: batches of keys and which of their devices have registered."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import label_for_field, unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from identities.admin import bulk_enrolment
from identities.admin.bulk_enrolment_forms import MAX_KEYS
from identities.admin.checked_requests import CheckedAdmin, UneditableMixin, render_page
from identities.admin.confirmation import Confirmation
from identities.admin.extensions import enrolment_pages, key_pages
from identities.admin.list_search import find_named, match_any_name
from identities.admin.reissue import ReissueRequest, answer_reissue
from identities.admin.revocation import revoke_rows
from identities.admin.visible_rows import StudyFilter
from identities.enrolment import progress
from identities.models import Enrolment, PreSharedKey
from identities.search import clean_term
from identities.visibility import Scope, scope_of

KEYS_PER_PAGE = 100


class EnrolmentStudyFilter(StudyFilter):
    """By the studies whose keys the user may view: an enrolment may have keys of others too."""

    def find_scope(self, request: HttpRequest) -> Scope:
        return scope_of(request.user, *progress.VIEW_ENROLMENTS)


@admin.register(Enrolment)
class EnrolmentAdmin(UneditableMixin, CheckedAdmin):
    """Permissions are those for keys; an enrolment is evidence of which devices were admitted."""

    list_display = ("name", "registered_shown", "created_by", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name of the enrolment, or of an identity in it.")
    change_list_template = "admin/identities/enrolment/change_list.html"
    list_filter = (EnrolmentStudyFilter,)
    list_per_page = 50
    show_full_result_count = False
    own_pages = {"reissue": "<path:object_id>/reissue/", "revoke": "<path:object_id>/revoke/"}

    def has_view_permission(self, request: HttpRequest, obj: Enrolment | None = None) -> bool:
        return any(map(request.user.has_perm, progress.VIEW_ENROLMENTS))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identities.add_presharedkey")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identities.change_presharedkey")

    def has_reissue_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_revoke_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enrolment]:
        scope = scope_of(request.user, *progress.VIEW_ENROLMENTS)
        return progress.with_counts(super().get_queryset(request), scope)

    def filter_rows(self, scope: Scope, rows: QuerySet[Enrolment]) -> QuerySet[Enrolment]:
        keys = scope.filter(PreSharedKey.objects.filter(enrolment=OuterRef("pk")))
        return rows.filter(Exists(keys))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Enrolment], search_term: str
    ) -> tuple[QuerySet[Enrolment], bool]:
        """Search by name, and by the identities that the user may see."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if term := clean_term(search_term):
            scope = scope_of(request.user, *progress.VIEW_ENROLMENTS)
            named = find_named(term, scope)
            if named is None:  # the first keys of an enrolment tell
                any_name = match_any_name(term)
                keys = PreSharedKey.objects.filter(any_name, enrolment=OuterRef("pk"))
                found |= queryset.filter(Exists(scope.filter(keys)))
            else:
                keys = PreSharedKey.objects.filter(identity__in=named, enrolment__isnull=False)
                found |= queryset.filter(pk__in=keys.values("enrolment"))
        return found, duplicates

    @admin.display(description=gettext_lazy("registered"))
    def registered_shown(self, obj: Any) -> str:
        return f"{obj.registered} of {obj.places}"

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return bulk_enrolment.answer(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the progress: the number of places by state, and those of one state or all."""
        if not self.has_view_permission(request) or request.method == "POST":
            raise PermissionDenied
        enrolment = self._get_enrolment(request, object_id)
        state = request.GET.get("state", "")
        state = state if state in progress.STATES else ""
        scope = scope_of(request.user, *progress.VIEW_ENROLMENTS)
        places: QuerySet[Any] = progress.places(enrolment, scope)
        counts = progress.count_states(enrolment, scope)
        context = {
            "title": enrolment.name,
            "original": enrolment,
            "state": state,
            "states": [(name, count) for name, count in counts.items() if count],
            "panels": enrolment_pages.panels_for(request, enrolment),
            "registered": counts[progress.REGISTERED],
            "total": sum(counts.values()),
            "reissuable": self._reissuable(
                request, enrolment, "identities.change_presharedkey"
            ).count(),
            "may_reissue": self.has_reissue_permission(request),
            "may_revoke": self.has_revoke_permission(request),
        }
        keys = places.filter(progress=state) if state else places
        context |= _list_keys(keys, request.GET.get("page"))
        return render_page(self, request, "admin/identities/enrolment/progress.html", context)

    def reissue_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Re-issue the keys that have not registered; on POST return the credential sheet.

        The confirmation page sends the newest key it has seen, and only keys up to it are
        re-issued: a page that is submitted twice does not revoke the keys just shown.
        """
        if not self.has_reissue_permission(request):
            raise PermissionDenied
        enrolment = self._get_enrolment(request, object_id)
        keys = self._reissuable(request, enrolment, "identities.add_presharedkey")
        newest = str(request.POST.get("newest", ""))
        if newest.isascii() and newest.isdigit() and len(newest) < 19:
            keys = keys.filter(pk__lte=int(newest))
        newest_now = keys.aggregate(newest=Max("pk"))["newest"]
        if keys.count() > MAX_KEYS:
            newest_now = keys.order_by("pk").values_list("pk", flat=True)[MAX_KEYS - 1]
            keys = keys.filter(pk__lte=newest_now)
        back = reverse("admin:identities_enrolment_change", args=(enrolment.pk,))
        reissue_request = ReissueRequest(keys, back, enrolment, [("newest", newest_now)])
        page = answer_reissue(request, self, reissue_request)
        if page is None:
            self.message_user(request, _("No key was left to re-issue."), messages.WARNING)
        return page or HttpResponseRedirect(back)

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the revocation of all keys with uses left confirmed; on POST revoke them."""
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        enrolment = self._get_enrolment(request, object_id)
        keys = self._reissuable(request, enrolment, "identities.change_presharedkey")
        back = reverse("admin:identities_enrolment_change", args=(enrolment.pk,))
        if request.method == "POST":
            self._revoke(request, enrolment, keys)
            return HttpResponseRedirect(back)
        rows = list(keys.select_related("identity").order_by("identity__name", "pk"))
        submit = ngettext("Revoke %(count)s key", "Revoke %(count)s keys", len(rows))
        return Confirmation(
            title=_("Revoke all remaining keys"),
            submit=submit % {"count": len(rows)} if rows else "",
            back=back,
            template="admin/identities/revoke_confirmation.html",
            context={
                "rows": rows,
                "original": enrolment,
                "consequence": _("Devices that have registered stay registered."),
            },
        ).render(request, self)

    def _revoke(
        self, request: HttpRequest, enrolment: Enrolment, keys: QuerySet[PreSharedKey]
    ) -> None:
        with transaction.atomic():
            revoked = revoke_rows(request, self, keys.order_by("pk"))
            if revoked:
                self.log_change(request, enrolment, f"Revoked {revoked} keys.")
        if revoked:
            text = ngettext("%(count)s key revoked.", "%(count)s keys revoked.", revoked)
            self.message_user(request, text % {"count": revoked}, messages.SUCCESS)
        else:
            self.message_user(request, _("No key was left to revoke."), messages.WARNING)

    def _reissuable(
        self, request: HttpRequest, enrolment: Enrolment, permission: str
    ) -> QuerySet[PreSharedKey]:
        keys = PreSharedKey.objects.filter(enrolment=enrolment)
        return progress.reissuable(scope_of(request.user, permission).filter(keys))

    def _get_enrolment(self, request: HttpRequest, object_id: str) -> Enrolment:
        enrolment: Enrolment | None = self.get_object(request, unquote(object_id))
        if enrolment is None:
            raise Http404
        return enrolment


def _list_keys(keys: QuerySet[Any], number: str | None) -> dict[str, Any]:
    """Return the page ``number`` of ``keys`` and its rows: key, link of its uses, other cells."""
    columns = enrolment_pages.columns
    annotated = enrolment_pages.annotate(keys.select_related("identity"))
    page = Paginator(annotated.order_by("identity__name", "pk"), KEYS_PER_PAGE).get_page(number)
    uses_url = key_pages.uses_url
    return {
        "page": page,
        "headings": [label_for_field(column, PreSharedKey) for column in columns],
        "rows": [
            (key, uses_url(key) if uses_url else "", [column(key) for column in columns])
            for key in page
        ],
    }
