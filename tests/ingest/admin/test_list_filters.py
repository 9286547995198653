"""Lists of files and certificates: by device and days, sorted, with relative times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from identities.models import Identity, PreSharedKey
from ingest.models import DeviceCertificate, Measurement
from ingest.uuid7 import uuid7_floor
from tests.analysis.queries.factories import make_certificate, make_measurement

FILES, CERTIFICATES = "/admin/ingest/measurement/", "/admin/ingest/devicecertificate/"
DAY = datetime(2026, 3, 1, tzinfo=UTC)


def make_file(certificate: DeviceCertificate, name: str, hours: float, **fields: Any) -> None:
    """Store a file that came ``hours`` after the start of ``DAY``."""
    moment = DAY + timedelta(hours=hours)
    make_measurement(
        certificate,
        name.encode(),
        id=uuid7_floor(moment + timedelta(milliseconds=len(name))),
        filename=name,
        received_at=moment,
        **fields,
    )


def list_files(client: Client, **query: str) -> list[str]:
    answer = client.get(FILES, query)
    assert answer.status_code == 200
    return [row.filename for row in answer.context["cl"].result_list]


@pytest.fixture
def renewed(certificate: DeviceCertificate) -> DeviceCertificate:
    """The certificate that renewed the device's first one; another device has files too."""
    successor = make_certificate(certificate.identity, "renewed")
    DeviceCertificate.objects.filter(pk=successor.pk).update(replaces=certificate, label="Strap 7")
    DeviceCertificate.objects.filter(pk=certificate.pk).update(retires_at=timezone.now())
    other = make_certificate(certificate.identity, "other")
    stranger = make_certificate(Identity.objects.create(name="clinic"), "stranger")
    make_file(certificate, "first", 1, samples=3, new=3)
    make_file(successor, "second", 30, samples=900, new=1, identical=880, repeated=19)
    make_file(other, "of another", 47.99, samples=40, new=40)
    make_file(stranger, "of a stranger", 49, samples=5, new=5, rounded=2)
    return successor


def test_files_are_those_of_a_device_and_all_its_certificates(
    analyst: Client, certificate: DeviceCertificate, renewed: DeviceCertificate
) -> None:
    for each in (certificate, renewed):
        assert list_files(analyst, device=str(each.pk)) == ["second", "first"]
    assert list_files(analyst, device="12345") == list_files(analyst, device="x") == []
    identity = str(certificate.identity_id)
    text = analyst.get(FILES, {"identity__id__exact": identity}).content.decode()
    assert f"device={renewed.pk}" in text
    assert "Strap 7" in text
    assert f"device={certificate.pk}&" not in text  # superseded
    page = analyst.get(f"{CERTIFICATES}{renewed.pk}/device/").content.decode()
    assert f'href="{FILES}?device={renewed.pk}"' in page


def test_files_of_some_days_are_listed(analyst: Client, renewed: DeviceCertificate) -> None:
    days = {"received_from": "2026-03-02", "received_until": "2026-03-02"}
    assert list_files(analyst, **days) == ["of another", "second"]
    assert list_files(analyst, received_until="2026-03-01") == ["first"]
    assert list_files(analyst, received_from="2026-03-03") == ["of a stranger"]


def test_files_are_sorted_by_their_columns(analyst: Client, renewed: DeviceCertificate) -> None:
    columns = [*analyst.get(FILES).context["cl"].list_display]
    by_samples = ["first", "of a stranger", "of another", "second"]
    assert list_files(analyst, o=str(columns.index("samples"))) == by_samples
    by_name = sorted(by_samples)
    assert list_files(analyst, o=str(columns.index("filename_shown"))) == by_name
    assert list_files(analyst, o=f"-{columns.index('identity')}")[-1] == "of a stranger"
    text = " ".join(analyst.get(FILES).content.decode().split())
    assert "880 identical, 19 repeated" in text
    assert "2 rounded" in text
    assert Measurement.objects.count() == 4


def test_certificates_are_found_by_the_key_that_bound_them(
    operator: Client, analyst: Client, certificate: DeviceCertificate
) -> None:
    key = PreSharedKey.objects.create(
        identity=certificate.identity, digest=b"k" * 32, hint="dek_7Qx", note="Tablet in room 12"
    )
    DeviceCertificate.objects.filter(pk=certificate.pk).update(bound_with=key)
    make_certificate(certificate.identity, "another")
    for text in ("dek_7Qx", "dek_7", "room 12"):
        assert certificate.fingerprint[:4] in find(operator, q=text), text
        assert find(analyst, q=text) == [], text  # analysts see no keys
    assert find(operator, q="ro") == []


def find(client: Client, **query: str) -> list[str]:
    answer = client.get(CERTIFICATES, query)
    assert answer.status_code == 200
    return [row.fingerprint[:4] for row in answer.context["cl"].result_list]


def test_certificates_have_relative_times_and_days(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    moment = timezone.now() - timedelta(hours=3)
    certificate.bound_at, certificate.not_after = moment, timezone.now() + timedelta(days=50.5)
    certificate.save()
    text = analyst.get(CERTIFICATES).content.decode()
    assert re.search(f'title="{moment:%Y-%m-%d %H:%M:%S} UTC">3 h ago<', text)
    assert ">in 50 d<" in text
    day = f"{moment:%Y-%m-%d}"
    assert find(analyst, bound_from=day, bound_until=day) == [certificate.fingerprint[:4]]
    assert find(analyst, bound_until="2020-01-01") == []
