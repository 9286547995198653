"""What all views of the read API share: who may call, how errors look, what is negotiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analysis.api.authentication import AdminSession, BearerToken
from analysis.api.errors import answer_exception


class MayView(BasePermission):
    """The user holds the permission that the view names: the same that opens the admin's page."""

    message = "Your account may not view this: ask for the permission in the admin."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the request's user may."""
        wanted: str | None = getattr(view, "permission", None)
        return bool(request.user and wanted and request.user.has_perm(wanted))


class IgnoreAccept(BaseContentNegotiation):
    """The address and ``format`` say what comes back; ``Accept`` never turns it into a 406."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the first parser; nothing is ever parsed."""
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the only renderer."""
        return renderers[0], renderers[0].media_type


class ReadView(APIView):
    """A view that reads. ``permission`` is the permission that it takes."""

    authentication_classes = [BearerToken, AdminSession]
    permission_classes = [MayView]
    content_negotiation_class = IgnoreAccept
    renderer_classes = [JSONRenderer]
    http_method_names = ["get", "head"]
    permission: ClassVar[str]

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        """Return the handler that answers with a problem document."""
        return answer_exception

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep what is personal out of every cache."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class UnknownPathView(ReadView):
    """Any other address below ``/api/v1/``."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Raise ``Http404``, which is answered as a problem document."""
        raise Http404
