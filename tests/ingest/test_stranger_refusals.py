"""Refusals of certificates that are not registered have bounded rows and a bounded rate."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import RequestFactory

from ingest import certificate_refusals, probe_mark
from ingest.api import responses
from ingest.api.problem_json import CERTIFICATE_NOT_BOUND, ProblemResponse
from ingest.device_requests import DeviceRequest
from ingest.models import CertificateRefusal, StrangerRefusal
from ingest.stranger_attempts import StrangerRows
from tests.ingest.maintenance.factories import make_certificate, make_identity

pytestmark = pytest.mark.usefixtures("own_db")
REQUEST = DeviceRequest("192.0.2.1", "watch/2", None, "request-1")


@pytest.fixture(autouse=True)
def counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process begin to count, with bounds that a test reaches."""
    monkeypatch.setattr(certificate_refusals, "_recorded", {})
    monkeypatch.setattr(
        certificate_refusals, "_strangers", StrangerRows(max_per_minute=30, evict_every=5)
    )
    monkeypatch.setattr(certificate_refusals, "MAX_STRANGERS", 10)


def refuse(sha256: bytes) -> None:
    certificate_refusals.record(sha256, "certificate_expired", 403, "It ended.", REQUEST)


def test_the_oldest_give_way_and_the_rate_is_bounded() -> None:
    for number in range(40):
        refuse(bytes([number]) * 32)
    kept = {bytes(row.sha256)[0] for row in StrangerRefusal.objects.all()}
    assert 10 <= len(kept) <= 15
    assert max(kept) == 29  # the rest of this minute is not written


def test_a_probe_of_the_doctor_is_no_refusal() -> None:
    for mark, rows in ((probe_mark.make_mark(settings.PROXY_SECRET), 0), ("1.forged", 1)):
        request = RequestFactory().get("/device_endpoint", headers={probe_mark.HEADER: mark})
        responses.record_refusal(b"\x02" * 32, ProblemResponse(CERTIFICATE_NOT_BOUND), request)
        assert StrangerRefusal.objects.count() == rows


def test_a_stranger_has_one_row_and_a_device_has_none() -> None:
    certificate = make_certificate(make_identity())
    for _ in range(3):
        refuse(b"\x01" * 32)
        refuse(bytes(certificate.sha256))
        certificate_refusals._recorded.clear()
    assert [row.count for row in StrangerRefusal.objects.all()] == [3]
    assert CertificateRefusal.objects.get().certificate_id == certificate.pk
