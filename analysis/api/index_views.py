"""The index of the analysis API and its documentation as a page."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import list_schemas
from analysis.api import openapi as doc
from analysis.api.parameters import read_parameters
from analysis.api.view_base import ReadView

LINKS = (
    "studies", "identities", "series", "measurements", "annotations", "changes", "archive",
    "schema", "docs",
)  # fmt: skip
_METHODS = ("get", "post", "put", "patch", "delete")


class IndexView(ReadView):
    """The index: what the API has. It holds no data, and so needs no token."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="read_index",
        summary="Index of links",
        auth=[],
        responses={200: list_schemas.IndexBody, **doc.error_responses(400)},
    )
    def get(self, request: Request) -> Response:
        """Return the URL of each list and of the documentation."""
        read_parameters(request, ())
        return Response(
            {name: request.build_absolute_uri(reverse(f"read_api:{name}")) for name in LINKS}
        )


class DocumentationView(ReadView):
    """The OpenAPI document as a page, which loads nothing from other sites."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        generator: Any = SchemaGenerator
        document = generator().get_schema(request=None, public=True)
        context = {
            "info": document["info"],
            "operations": list(_list_operations(document)),
            "schemas": [
                {"name": name, **_describe_schema(schema)}
                for name, schema in document["components"]["schemas"].items()
            ],
        }
        return render(request._request, "analysis/api_docs.html", context)


def _list_operations(document: dict[str, Any]) -> Any:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method not in item:
                continue
            operation = item[method]
            yield {
                "id": operation["operationId"],
                "method": method.upper(),
                "path": path,
                "summary": operation.get("summary", ""),
                "description": operation.get("description", ""),
                "parameters": [
                    {
                        "name": parameter["name"],
                        "place": parameter["in"],
                        "type": _name_type(parameter["schema"]),
                        "is_required": parameter.get("required", False),
                        "description": parameter.get("description", ""),
                    }
                    for parameter in operation.get("parameters", ())
                ],
                "responses": [
                    {
                        "status": status,
                        "description": response.get("description", ""),
                        "contents": [
                            {"type": kind, **_reference(content.get("schema", {}))}
                            for kind, content in response.get("content", {}).items()
                        ],
                    }
                    for status, response in operation["responses"].items()
                ],
            }


def _describe_schema(schema: dict[str, Any]) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        "description": schema.get("description", ""),
        "values": schema.get("enum", ()),
        "properties": [
            {
                "name": name,
                "is_required": name in required,
                "description": each.get("description", ""),
                **_reference(each),
            }
            for name, each in schema.get("properties", {}).items()
        ],
    }


def _reference(schema: dict[str, Any]) -> dict[str, str]:
    """Return the type of a schema in words, and the name of the schema that it refers to."""
    inner = schema.get("items", schema)
    for option in inner.get("oneOf", inner.get("allOf", inner.get("anyOf", [inner]))):
        if "$ref" in option:
            name = option["$ref"].rpartition("/")[2]
            return {"schema": name, "words": "list of " if inner is not schema else ""}
    return {"schema": "", "words": _name_type(schema)}


def _name_type(schema: dict[str, Any]) -> str:
    """Return the type of a schema in words, with its bounds, its default and its choices."""
    options = schema.get("anyOf", schema.get("oneOf"))
    if options:
        return " or ".join(_name_type(option) for option in options)
    if schema.get("type") == "array":
        return f"list of {_name_type(schema.get('items', {}))}"
    words = schema.get("format") or schema.get("type") or "any"
    if "enum" in schema:
        words = ", ".join(str(value) for value in schema["enum"])
    if "minimum" in schema and "maximum" in schema:
        words += f", {schema['minimum']} to {schema['maximum']}"
    if "default" in schema:
        words += f", default {schema['default']}"
    return str(words) + (" or null" if schema.get("nullable") else "")
