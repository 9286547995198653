"""Views of measurement files: the receipt and the stored file."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api import openapi as doc
from analysis.api.errors import DamagedFile, UnknownMeasurement
from analysis.api.export_metadata import make_download_headers
from analysis.api.parameters import read_parameters
from analysis.api.view_base import ReadView
from analysis.queries.measurement_files import make_receipt
from identities.audit.recorder import note_exported
from identities.visibility import scope_of_request
from ingest.models import Measurement
from ingest.storage.stored_files import FileDamaged, make_file_name, read_verified


class MeasurementView(ReadView):
    """The receipt of a measurement file."""

    permission = "ingest.view_measurement"

    @extend_schema(
        operation_id="read_measurement",
        summary="Receipt of a file",
        responses={200: doc.MeasurementBody, **doc.error_responses(400, 404)},
    )
    def get(self, request: Request, id: UUID) -> Response:  # noqa: A002 - named by the contract
        """Return the receipt that the device received, the identity and the errors."""
        read_parameters(request, ())
        return Response(make_receipt(_find(request, Measurement.objects.defer("content"), id)))


class ContentView(ReadView):
    """The original of a measurement file, byte for byte."""

    permission = "ingest.view_measurement"

    @extend_schema(
        operation_id="read_measurement_content",
        summary="Original of a file",
        responses={**doc.CONTENT_RESPONSES, **doc.error_responses(400, 404, 429)},
    )
    def get(self, request: Request, id: UUID) -> StreamingHttpResponse:  # noqa: A002
        """Return the file as the device sent it, byte for byte; rejected files too."""
        read_parameters(request, ())
        measurement = _find(request, Measurement.objects.all(), id)
        try:
            chunks = read_verified(measurement)
        except FileDamaged as error:
            raise DamagedFile(str(error)) from error
        return StreamingHttpResponse(
            chunks,
            headers={
                **make_download_headers(make_file_name(measurement)),
                "Content-Type": "application/octet-stream",
                "Content-Length": str(measurement.size),
                # A browser that opens the file anyway must not run its content.
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )


def _find(request: Request, measurements: QuerySet[Measurement], pk: UUID) -> Measurement:
    visible = scope_of_request(request).filter(measurements)
    found = visible.select_related("identity", "certificate").filter(pk=pk).first()
    if found is None:
        raise UnknownMeasurement(f"There is no measurement {pk}.")
    note_exported(request._request, found.identity_id)
    return found
