"""Studies in the admin: their participants and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import CharField, ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.admin.fields import DURATION_AS_TEXT, LabelledInputsMixin
from identities.admin.keyset import LargeListAdmin
from identities.admin.visible_rows import StudyFilter, VisibleRowsMixin
from identities.roles import ROLES
from identities.search import clean_term, find_first
from identities.studies import Study, StudyIdentity, StudyMember
from identities.visibility import Scope, scope_of

if TYPE_CHECKING:
    AnyForm = ModelForm[Any]
else:
    AnyForm = ModelForm


class StudyRowsAdmin(VisibleRowsMixin, LabelledInputsMixin):
    """Pages of rows that belong to a study: those of the user's studies."""

    study_path = "study"

    def filter_rows(self, scope: Scope, rows: QuerySet[Any]) -> QuerySet[Any]:
        if scope.study_ids is None:
            return rows
        found: QuerySet[Any] = rows.filter(**{f"{self.study_path}__in": sorted(scope.study_ids)})
        return found


@admin.register(Study)
class StudyAdmin(StudyRowsAdmin):
    """Superusers create studies; study admins edit theirs."""

    study_path = "pk"
    change_form_template = "admin/identities/study/change_form.html"
    formfield_overrides = DURATION_AS_TEXT
    list_display = ("name", "parent_shown", "is_active", "identities_shown", "time_zone")
    list_filter = ("is_active",)
    search_fields = ("name", "description")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the studies with the number of their identities."""
        taking_part = StudyIdentity.objects.filter(study=OuterRef("pk")).order_by()
        count = taking_part.values("study").annotate(n=Count("pk")).values("n")
        visible = scope_of(request.user).studies().filter(pk=OuterRef("parent"))
        studies: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = studies.annotate(
            identity_count=Coalesce(Subquery(count), 0),
            visible_parent=Subquery(visible.values("name")),
        )
        return annotated

    def get_fields(self, request: HttpRequest, obj: Study | None = None) -> tuple[str, ...]:
        """Leave out the parent if the user may not change it: it takes rights on both sides."""
        fields: tuple[str, ...] = ("name", "description", "time_zone", "is_active",
                                   "reporting_interval", "grace_period")  # fmt: skip
        scope = scope_of(request.user, "identities.change_study")
        if self.has_change_permission(request, obj):
            fields = (*fields, "alert_recipients")
        is_hidden = obj is not None and obj.parent_id and not scope.has_study(obj.parent_id)
        return fields if is_hidden else (*fields, "parent")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "parent" and field is not None:
            field.queryset = scope_of(request.user, "identities.change_study").studies()
        return field

    @admin.display(description=gettext_lazy("site of"))
    def parent_shown(self, obj: Any) -> str:
        return obj.visible_parent or "-"

    @admin.display(description=gettext_lazy("identities"))
    def identities_shown(self, obj: Any) -> str:
        return f"{obj.identity_count:,}"


@admin.register(StudyIdentity)
class StudyIdentityAdmin(StudyRowsAdmin, LargeListAdmin):
    """Who takes part in a study, under which code and for how long; the newest first."""

    list_display = ("identity", "study", "participant_code", "starts_on", "ends_on")
    list_select_related = ("identity", "study")
    list_filter = (StudyFilter,)
    search_fields = ("participant_code", "identity__name")
    ordering = ("-id",)
    autocomplete_fields = ("identity",)
    fields = ("study", "identity", "participant_code", "starts_on", "ends_on")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search as other lists; where few rows are found, they are sorted, not met in order."""
        term = clean_term(search_term)
        return (
            find_first(queryset, self.make_condition(request, term)) if term else queryset
        ), False

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[AnyForm]:
        """Return the form; of an existing row, study and identity stay as they are."""
        form = super().get_form(request, obj, change, **kwargs)
        for name in {"study", "identity"} & form.base_fields.keys():
            # Not read-only fields, which the form would leave out of the check of the code.
            form.base_fields[name].disabled = obj is not None
        return form


class MemberForm(AnyForm):
    """A member, entered by user name: a list of all users would name the staff of other studies."""

    # The user who fills in the form; set on a subclass for each request.
    granted_by: Any = None
    username = CharField(max_length=150, label=gettext_lazy("User name"))

    def clean_username(self) -> str:
        """Set the user; raise ``ValidationError`` unless there is such a member of staff."""
        username: str = self.cleaned_data["username"]
        users = get_user_model()._default_manager
        user = users.filter(username=username, is_staff=True, is_active=True).first()
        if user is None:
            raise ValidationError(_("There is no member of staff of this user name."))
        self.instance.user = user
        return username

    def clean(self) -> dict[str, Any]:
        """Reject a second membership, and a role with rights that the giver does not have."""
        data = super().clean() or self.cleaned_data
        study = data.get("study") or (self.instance.study if self.instance.pk else None)
        if study is None:
            return data
        if self.instance.pk is None and self.instance.user_id is not None:
            member = StudyMember.objects.filter(study=study, user=self.instance.user_id)
            if member.exists():
                self.add_error("username", _("This user is a member of the study already."))
        for permission in ROLES.get(data.get("role", ""), ()):
            if not scope_of(self.granted_by, permission).has_study(study.pk):
                self.add_error("role", _("This role has rights that you do not have here."))
                break
        return data


@admin.register(StudyMember)
class StudyMemberAdmin(StudyRowsAdmin):
    """Which members of staff see a study, and what else they may do there."""

    form = MemberForm
    list_display = ("user", "study", "role", "created_at")
    list_select_related = ("user", "study")
    list_filter = (StudyFilter, "role")
    search_fields = ("user__username", "study__name")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("study", "username", "role") if obj is None else ("study", "user", "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("study", "user")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[AnyForm]:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None:
            form.base_fields.pop("username", None)
        return type(form.__name__, (form,), {"granted_by": request.user})
