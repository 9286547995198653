"""Enrolments in the admin: keys issued together, who has registered with them and who has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from identities.admin import bulk_enrolment
from identities.admin.bulk_enrolment_forms import MAX_KEYS
from identities.admin.reissue import Asked, answer_reissue
from identities.admin.revocation import revoke_each
from identities.enrolment import progress
from identities.enrolment.models import Enrolment
from identities.models import PreSharedKey
from ingest.failed_attempts import with_refusals

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Enrolment]
else:
    ModelAdmin = admin.ModelAdmin

PER_PAGE = 100


@admin.register(Enrolment)
class EnrolmentAdmin(ModelAdmin):
    """Who may see keys sees enrolments, who may make keys makes them: nobody edits or deletes."""

    list_display = ("name", "registered_shown", "created_by", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "keys__identity__name")
    search_help_text = "Name of the enrolment, or of an identity in it."
    change_list_template = "admin/identities/enrolment/change_list.html"

    def has_view_permission(self, request: HttpRequest, obj: Enrolment | None = None) -> bool:
        """Tell whether the user sees keys."""
        may = request.user.has_perm
        return may("identities.view_presharedkey") or may("identities.change_presharedkey")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user sees keys."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user makes keys."""
        return request.user.has_perm("identities.add_presharedkey")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user revokes keys."""
        return request.user.has_perm("identities.change_presharedkey")

    def has_reissue_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may make keys in the place of others, which are revoked."""
        return self.has_add_permission(request) and self.has_revoke_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Enrolment | None = None) -> bool:
        """Return False: an enrolment is its keys."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Enrolment | None = None) -> bool:
        """Return False: keys are evidence of who was let in."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enrolment]:
        """Return the enrolments with the numbers that the list shows."""
        return progress.with_counts(super().get_queryset(request))

    @admin.display(description="registered")
    def registered_shown(self, obj: Any) -> str:
        """Return how many have registered, of how many."""
        return f"{obj.registered} of {obj.places}"

    def get_urls(self) -> list[URLPattern]:
        """Return the pages of an enrolment, and those that re-issue and revoke its keys."""
        own = [
            path(
                f"<path:object_id>/{verb}/",
                self.admin_site.admin_view(view),
                name=f"identities_enrolment_{verb}",
            )
            for verb, view in (("reissue", self.reissue_view), ("revoke", self.revoke_view))
        ]
        return [*own, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Go through list, dry run and confirmation to the sheet of cards."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return bulk_enrolment.answer(request, self)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the progress: the numbers, and the places in one state or all of them."""
        if not self.has_view_permission(request) or request.method == "POST":
            raise PermissionDenied
        enrolment = self._found(request, object_id)
        state = request.GET.get("state", "")
        places: QuerySet[Any] = progress.places(enrolment)
        shown = places.filter(progress=state) if state in progress.STATES else places
        rows = with_refusals(progress.with_first_device(shown.select_related("identity")))
        counts = progress.counts(enrolment)
        total = sum(counts.values())
        context = self.admin_site.each_context(request) | {
            "title": enrolment.name,
            "opts": self.opts,
            "original": enrolment,
            "state": state if state in progress.STATES else "",
            "choices": [(each, number) for each, number in counts.items() if number],
            "tried": with_refusals(places.select_related("identity")).filter(refused__gt=0)[:20],
            "registered": counts[progress.REGISTERED],
            "total": total,
            "open": progress.left_over(places).count(),
            "page": Paginator(rows.order_by("identity__name", "pk"), PER_PAGE).get_page(
                request.GET.get("page")
            ),
            "may_reissue": self.has_reissue_permission(request),
            "may_revoke": self.has_revoke_permission(request),
        }
        return TemplateResponse(request, "admin/identities/enrolment/progress.html", context)

    def reissue_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, and on POST answer with the sheet of new keys for all who have not registered.

        Only keys as old as those that the page showed: the page sent again finds none, instead
        of revoking what it has just shown.
        """
        if not self.has_reissue_permission(request):
            raise PermissionDenied
        enrolment = self._found(request, object_id)
        keys = progress.left_over(PreSharedKey.objects.filter(enrolment=enrolment))
        newest = str(request.POST.get("newest", ""))
        if newest.isascii() and newest.isdigit() and len(newest) < 19:
            keys = keys.filter(pk__lte=int(newest))
        newest_now = keys.aggregate(newest=Max("pk"))["newest"]
        if keys.count() > MAX_KEYS:
            first = keys.order_by("pk").values_list("pk", flat=True)[MAX_KEYS - 1]
            newest_now, keys = first, keys.filter(pk__lte=first)
        back = reverse("admin:identities_enrolment_change", args=(enrolment.pk,))
        asked = Asked(keys, back, enrolment, [("newest", newest_now)])
        page = answer_reissue(request, self, asked)
        if page is None:
            self.message_user(request, "No key was left to re-issue.", messages.WARNING)
        return page or HttpResponseRedirect(back)

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, and on POST revoke every key that has uses left."""
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        enrolment = self._found(request, object_id)
        keys = progress.left_over(PreSharedKey.objects.filter(enrolment=enrolment))
        back = reverse("admin:identities_enrolment_change", args=(enrolment.pk,))
        if request.method == "POST":
            self._revoke(request, enrolment, keys)
            return HttpResponseRedirect(back)
        context = self.admin_site.each_context(request) | {
            "title": "Revoke all remaining keys",
            "opts": self.opts,
            "original": enrolment,
            "rows": keys.select_related("identity").order_by("identity__name", "pk"),
            "back": back,
        }
        return TemplateResponse(request, "admin/identities/enrolment/revoke.html", context)

    def _revoke(
        self, request: HttpRequest, enrolment: Enrolment, keys: QuerySet[PreSharedKey]
    ) -> None:
        with transaction.atomic():
            revoked = revoke_each(request, self, keys.order_by("pk"))
            if revoked:
                self.log_change(request, enrolment, f"Revoked {revoked} keys.")
        text = f"{revoked} key{pluralize(revoked)} revoked." if revoked else "No key was left."
        self.message_user(request, text, messages.SUCCESS if revoked else messages.WARNING)

    def _found(self, request: HttpRequest, object_id: str) -> Enrolment:
        enrolment = self.get_object(request, unquote(object_id))
        if enrolment is None:
            raise Http404
        return enrolment
