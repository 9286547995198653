"""Schemas and parameters of the index and of the lists."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from analysis.api.openapi import MeasurementBody, whole_number

MAX_ROWS = 1_000
LIMIT = whole_number("limit", MAX_ROWS, 100, description="Rows on a page.")
CURSOR = OpenApiParameter(
    "after", str, description="Cursor after which the page starts; `next` contains it."
)


class IndexBody(serializers.Serializer[Any]):
    """The URL of each list and of the documentation."""

    identities = serializers.URLField()
    series = serializers.URLField()
    measurements = serializers.URLField()
    annotations = serializers.URLField()
    changes = serializers.URLField()
    archive = serializers.URLField(help_text="Needs the parameter `series`.")
    schema = serializers.URLField(help_text="This document.")
    docs = serializers.URLField(help_text="This document as a page.")


class IdentityBody(serializers.Serializer[Any]):
    """An identity: the account that data belongs to."""

    identity_id = serializers.IntegerField(help_text="Never changes, other than the name.")
    identity = serializers.CharField(help_text="The name.")
    description = serializers.CharField(allow_blank=True)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    last_ms = serializers.IntegerField(
        allow_null=True, help_text="Last sample, epoch milliseconds."
    )


class IdentityPageBody(serializers.Serializer[Any]):
    """A page of identities, in order of name."""

    results = IdentityBody(many=True)
    next = serializers.URLField(allow_null=True, help_text="URL of the next page.")


class MeasurementPageBody(serializers.Serializer[Any]):
    """A page of measurement files, in the order of their reception."""

    results = MeasurementBody(many=True)
    next = serializers.URLField(allow_null=True, help_text="URL of the next page.")
