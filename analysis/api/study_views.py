"""The list of studies."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce, Lower
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import openapi as doc
from analysis.api.parameters import read_number, read_parameters
from analysis.api.view_base import ReadView
from identities.studies import StudyIdentity
from identities.visibility import Scope, scope_of_request

MAX_STUDIES = 1_000


class StudyBody(serializers.Serializer[Any]):
    """A study."""

    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    time_zone = serializers.CharField(help_text="Name in the IANA database.")
    is_active = serializers.BooleanField(help_text="False: no more devices are enrolled.")
    # DRF removes declared fields from the class, so `Field.parent` is not overridden.
    parent = serializers.CharField(  # type: ignore[assignment]
        source="parent_name", allow_null=True, help_text="The study that this is a site of."
    )
    identities = serializers.IntegerField(
        source="identity_count", help_text="Number of identities."
    )


class StudyPageBody(serializers.Serializer[Any]):
    """A page of studies, in order of name."""

    results = StudyBody(many=True)
    next = serializers.URLField(allow_null=True, help_text="URL of the next page.")


class StudyListView(ReadView):
    """The list of studies."""

    permission = "identities.view_study"

    @extend_schema(
        operation_id="list_studies",
        summary="List studies",
        parameters=[
            doc.whole_number("limit", MAX_STUDIES, 100, description="Studies on a page."),
            OpenApiParameter("after", str, description="The cursor; `next` contains it."),
        ],
        responses={200: StudyPageBody, **doc.error_responses(400)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of the studies that the account sees, in order of name."""
        parameters = read_parameters(request, ("limit", "after"))
        limit = read_number(parameters, "limit", 100, MAX_STUDIES)
        after = parameters.get("after", "").replace("\0", "")
        rows = _read_studies(scope_of_request(request), after, limit + 1)
        url = None
        if len(rows) > limit:
            query = urlencode({**parameters, "after": rows[limit - 1]["name"]})
            url = request.build_absolute_uri(f"{request.path}?{query}")
        return Response({"results": rows[:limit], "next": url})


def _read_studies(scope: Scope, after: str, limit: int) -> list[dict[str, Any]]:
    taking_part = StudyIdentity.objects.filter(study=OuterRef("pk")).order_by().values("study")
    visible_parents = scope.studies().filter(pk=OuterRef("parent"))
    studies = (
        scope.studies()
        .annotate(
            lower=Lower("name"),
            parent_name=Subquery(visible_parents.values("name")),
            identity_count=Coalesce(Subquery(taking_part.annotate(n=Count("pk")).values("n")), 0),
        )
        .filter(lower__gt=after.lower())
        .order_by("lower")[:limit]
    )
    return list(StudyBody(studies, many=True).data)
