"""Identities in the admin."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.admin.bulk_enrolment import render_form
from identities.admin.bulk_enrolment_forms import MAX_KEYS, EnrolmentForm, make_rows
from identities.admin.date_range_filter import DateRangeFilter
from identities.admin.extensions import identity_pages
from identities.admin.fields import DURATION_AS_TEXT, LabelledInputsMixin
from identities.admin.keyset import LargeListAdmin
from identities.admin.relative_times import time_column
from identities.admin.visible_rows import StudyFilter, VisibleRowsMixin
from identities.models import Identity
from identities.search import clean_term, find_first, search_text
from identities.studies import Study, StudyIdentity
from identities.visibility import scope_of


class IdentityForm(ModelForm):  # type: ignore[type-arg] # no parameter at run time
    """An identity; a new one may be put into a study at once."""

    study = ModelChoiceField(
        Study.objects.none(),
        required=False,
        label=gettext_lazy("Study"),
        help_text=gettext_lazy("That it takes part in. More are added later."),
    )


class CreatedRangeFilter(DateRangeFilter):
    title = gettext_lazy("days of creation")
    field = "created_at"
    parameter_names = ("created_from", "created_until")


@admin.register(Identity)
class IdentityAdmin(VisibleRowsMixin, LabelledInputsMixin, LargeListAdmin):
    """The accounts that data belongs to, with links to what belongs to them."""

    identity_path = "pk"
    form = IdentityForm
    search_fields = ("name", "description")
    search_help_text = gettext_lazy("A part of the name or of the description.")
    # The expression of the unique index, so that a page is read from the index.
    ordering = (Lower("name"),)
    sort_keys: ClassVar[dict[str, Any]] = {"name": Lower("name"), "created": F("created_at")}
    created = time_column("created_at", gettext_lazy("created"))
    change_form_template = "admin/identities/identity/change_form.html"
    fields = ("name", "description", "is_active", "reporting_interval", "grace_period",
              "monitoring_paused_until")  # fmt: skip
    formfield_overrides = DURATION_AS_TEXT
    actions = ("issue_keys",)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        columns = identity_pages.columns
        return ("name", "is_active", "description", *columns, "keys", "created")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [StudyFilter, "is_active", *identity_pages.filters, CreatedRangeFilter]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return (*identity_pages.columns, "keys", "created_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        if obj is None:
            return (*self.fields, "study")
        return self.fields + self.get_readonly_fields(request)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Identity]]:
        """Return the form; who does not see all identities has to choose a study of a new one."""
        form = super().get_form(request, obj, change, **kwargs)
        if "study" in form.base_fields:
            scope = scope_of(request.user, "identities.add_identity")
            # A copy: all requests share the field that the class declares.
            field = cast("ModelChoiceField[Study]", deepcopy(form.base_fields["study"]))
            field.queryset = scope.studies().filter(is_active=True)
            field.required = not scope.is_everything
            form.base_fields["study"] = field
        return form

    def save_model(self, request: HttpRequest, obj: Identity, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change and form.cleaned_data.get("study"):
            StudyIdentity.objects.create(identity=obj, study=form.cleaned_data["study"])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Identity]:
        """Return the identities with ``usable_keys`` and the annotations of other apps."""
        usable = Q(
            keys__revoked_at=None,
            keys__expires_at__gt=timezone.now(),
            keys__uses__lt=F("keys__max_uses"),
        )
        # Counted by a subquery for the rows of the page: a join would count for all identities.
        row = Identity.objects.filter(pk=OuterRef("pk")).order_by()
        count = row.annotate(n=Count("keys", filter=usable)).values("n")
        identities = super().get_queryset(request).annotate(usable_keys=Subquery(count))
        return identity_pages.annotate(identities)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Identity], search_term: str
    ) -> tuple[QuerySet[Identity], bool]:
        """Return the identities with the term in name or description, by the index if few have."""
        term = clean_term(search_term)
        if not term:
            return queryset, False
        found = search_text(Identity, "name", term) | search_text(Identity, "description", term)
        return find_first(queryset, found), False

    def has_issue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identities.add_presharedkey")

    @admin.action(
        description=gettext_lazy("Issue a key for each of the selected %(verbose_name_plural)s"),
        permissions=["issue"],
    )
    def issue_keys(self, request: HttpRequest, queryset: QuerySet[Identity]) -> HttpResponse | None:
        """Show the bulk enrolment form with the selected identities as its rows."""
        rows = self.rows_for(request, "identities.add_presharedkey", queryset)
        names = list(rows.order_by("name").values_list("name", flat=True)[: MAX_KEYS + 1])
        if len(names) > MAX_KEYS:
            text = _("At most %(count)s at once: choose fewer.") % {"count": MAX_KEYS}
            self.message_user(request, text, "ERROR")
            return None
        form = EnrolmentForm(request, initial={"rows": make_rows(names), "create": False})
        return render_form(request, self, form)

    @admin.display(description=gettext_lazy("usable keys"), ordering="usable_keys")
    def keys(self, obj: Any) -> SafeString:
        name = "admin:identities_presharedkey_changelist"
        return link_count(obj, name, obj.usable_keys, "usable key")


def link_count(identity: Identity, url_name: str, count: int, noun: str) -> SafeString:
    """Return ``count`` as a link to the list ``url_name``, narrowed to the identity's rows."""
    # Screen readers list links by their label, which must say more than "0".
    return format_html(
        '<a href="{}?identity__id__exact={}" aria-label="{}">{}</a>',
        reverse(url_name),
        identity.pk,
        f"{identity.name}: {count} {noun}{'' if count == 1 else 's'}",
        count,
    )
