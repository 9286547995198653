"""Admin of annotations: notes that staff add to times of identities and series."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analysis.admin.data_pages import make_csv_download
from analysis.models import Annotation
from analysis.queries.annotations import make_csv_rows
from identities.admin.fields import LabelledInputsMixin
from identities.admin.keyset import LargeListAdmin
from identities.admin.visible_rows import StudyFilter, VisibleRowsMixin
from identities.models import Identity
from ingest.models import Series

MAX_EXPORTED = 10_000
# A chart of an annotation shows this much before and after it.
MARGIN_MS = 3_600_000
# Who may change the notes of others.
CHANGE_OTHERS = "identities.change_identity"


class AnnotationForm(ModelForm):  # type: ignore[type-arg] # no parameter at run time
    """A note; its series must be one of the identity's."""

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or self.cleaned_data
        identity, name = data.get("identity"), data.get("name")
        if identity and name:
            found = Series.objects.filter(identity_id=identity.pk, name=name)
            if not found.exists() and name != self.instance.name:
                text = gettext("%(identity)s has no series of this name.")
                raise ValidationError({"name": text % {"identity": identity}})
        return data


@admin.register(Annotation)
class AnnotationAdmin(VisibleRowsMixin, LabelledInputsMixin, LargeListAdmin):
    """Everybody who sees the data may add a note; each changes their own."""

    form = AnnotationForm
    list_display = ("starts_at", "ends_at", "identity", "name", "text", "created_by", "chart")
    list_display_links = ("starts_at", "text")
    list_filter = ("starts_at", StudyFilter)
    list_select_related = ("identity",)
    listed_lookups = ("identity__id__exact",)
    sort_keys: ClassVar[dict[str, Any]] = {"starts_at": F("starts_at")}
    search_fields = ("text", "identity__name", "name", "=created_by")
    search_help_text = _("A part of the note, of an identity's or a series' name, or an author.")
    autocomplete_fields = ("identity",)
    fields = ("identity", "name", "starts_at", "ends_at", "text", "created_by", "created_at")
    readonly_fields = ("created_by", "created_at")
    actions = ("export_csv",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return the fields; a note stays with its identity."""
        return self.readonly_fields if obj is None else ("identity", *self.readonly_fields)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_own(request, obj)

    def _is_own(self, request: HttpRequest, annotation: Annotation | None) -> bool:
        if annotation is None or self.may(request, CHANGE_OTHERS, annotation):
            return True
        return annotation.created_by == request.user.get_username()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Annotation]) -> None:
        """Delete those of the chosen notes that the user may delete."""
        for annotation in queryset:
            if self.has_delete_permission(request, annotation):
                annotation.delete()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the values that the chart page put into the address."""
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        for field in ("starts_at", "ends_at"):
            initial[field] = _read_moment(request.GET.get(field, ""))
        text = request.GET.get("of", "").replace("\0", "")
        if text:
            identities = self.rows_for_adding(request)
            initial["identity"] = identities.filter(name__iexact=text).first()
        return initial

    def rows_for_adding(self, request: HttpRequest) -> QuerySet[Identity]:
        """Return the identities that the user may annotate."""
        field = Annotation._meta.get_field("identity")
        queryset: QuerySet[Identity] = self.formfield_for_foreignkey(field, request).queryset
        return queryset

    def save_model(self, request: HttpRequest, obj: Annotation, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user.get_username()[:150]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Annotation, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Return to the chart that the note was written on."""
        answer = super().response_add(request, obj, post_url_continue)
        if "of" in request.GET and obj.name and "_save" in request.POST:
            return HttpResponseRedirect(chart_url(obj))
        return answer

    @admin.display(description=_("chart"))
    def chart(self, annotation: Annotation) -> SafeString | str:
        if not annotation.name:
            url = reverse("admin:analysis_overview_identity", args=[annotation.identity.name])
        else:
            url = chart_url(annotation)
        label = gettext("Chart at %(time)s") % {"time": annotation.starts_at}
        return format_html('<a href="{}" aria-label="{}">{}</a>', url, label, gettext("chart"))

    @admin.action(description=_("Download the selected annotations as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Annotation]) -> HttpResponse:
        rows = queryset.select_related("identity")[:MAX_EXPORTED]
        return make_csv_download("annotations.csv", make_csv_rows(rows))


def chart_url(annotation: Annotation) -> str:
    """Return the chart of the annotation's series around its time."""
    start = round(annotation.starts_at.timestamp() * 1000)
    end = round((annotation.ends_at or annotation.starts_at).timestamp() * 1000)
    query = urlencode({"from": max(0, start - MARGIN_MS), "to": end + MARGIN_MS})
    args = [annotation.identity.name, annotation.name]
    return f"{reverse('admin:analysis_series_chart', args=args)}?{query}"


def _read_moment(text: str) -> datetime | None:
    """Return a time of an address, UTC without an offset; None for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment if 1970 < moment.year < 9000 else None
