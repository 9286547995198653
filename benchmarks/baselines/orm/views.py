"""The upload view of the ORM baseline, and its URL."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.urls import path
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.baselines.orm.models import Device, Measurement, Sample

BATCH_SIZE = 5_000


class UploadView(APIView):
    """Stores the files of a request in one transaction."""

    parser_classes = [MultiPartParser]

    def post(self, request: Request) -> Response:
        certificate = str(request.META["HTTP_X_CLIENT_CERT"])
        fingerprint = hashlib.sha256(certificate.encode()).hexdigest()
        with transaction.atomic():
            device, _ = Device._default_manager.get_or_create(fingerprint=fingerprint)
            stored = [_store(device, name, file) for name, file in request.FILES.items()]
        return Response({"files": stored})


def _store(device: Device, name: str, file: UploadedFile[bytes]) -> dict[str, object]:
    content = file.read()
    measurement, is_new = Measurement._default_manager.get_or_create(
        device=device,
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        defaults={"filename": file.name},
    )
    if is_new:
        samples = [_sample(measurement, line) for line in content.splitlines()]
        Sample._default_manager.bulk_create(samples, batch_size=BATCH_SIZE, ignore_conflicts=True)
    return {"name": name, "new": is_new}


def _sample(measurement: Measurement, line: bytes) -> Sample:
    time_ms, value = line.split(b",")
    return Sample(
        measurement=measurement,
        device=measurement.device,
        name=measurement.name,
        time=datetime.fromtimestamp(int(time_ms) / 1000, UTC),
        value=float(value),
    )


urlpatterns = [path("device_endpoint", UploadView.as_view())]
