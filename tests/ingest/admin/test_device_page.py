"""One page tells all of a device: its renewals, requests, clock and uploads, and what to do."""

from __future__ import annotations

import re
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from identities.credentials import issue_psk
from identities.models import Identity
from ingest.models import (
    CertificateRefusal,
    DeviceCertificate,
    DeviceContact,
    RegistrationAttempt,
    StrangerRefusal,
)
from tests.analysis.queries.factories import make_certificate, make_measurement

LIST = "/admin/ingest/devicecertificate/"


def address(certificate: DeviceCertificate) -> str:
    return f"{LIST}{certificate.pk}/device/"


def read(client: Client, certificate: DeviceCertificate) -> str:
    """Return the page without tags, with single spaces."""
    answer = client.get(address(certificate))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def refuse(certificate: DeviceCertificate, code: str, **fields: object) -> None:
    values: dict[str, object] = {"at": timezone.now(), "status": 403, "detail": "Why it is so."}
    CertificateRefusal.objects.create(certificate=certificate, code=code, **values | fields)


def renew(old: DeviceCertificate, seed: str) -> DeviceCertificate:
    new = make_certificate(old.identity, seed)
    DeviceCertificate.objects.filter(pk=new.pk).update(replaces=old)
    return new


def test_a_revoked_device_that_keeps_calling_reads_so(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    DeviceCertificate.objects.update(state="revoked", state_reason="lost")
    refuse(certificate, "certificate_revoked", user_agent="watch/2.1", address="192.0.2.7")
    text = read(analyst, certificate)
    assert "A revoked certificate stays refused." in text
    assert "(lost)" in text
    assert "403 certificate_revoked Why it is so." in text
    assert "from 192.0.2.7, watch/2.1" in text


def test_the_line_of_renewals_is_one_device(
    operator: Client, certificate: DeviceCertificate
) -> None:
    key, _ = issue_psk(certificate.identity, note="left wrist")
    DeviceCertificate.objects.update(bound_with=key)
    second = renew(certificate, "second")
    third = renew(second, "third")
    make_measurement(certificate, b"1")
    make_measurement(third, b"2")
    line = (certificate, second, third)
    for page in line:
        text = read(operator, page)
        assert "Device left wrist" in text
        assert "2 uploads in 30 days" in text
        links = operator.get(address(page)).content.decode()
        assert all(f"{LIST}{each.pk}/change/" in links for each in line)


def test_a_clock_that_is_wrong_is_said(analyst: Client, certificate: DeviceCertificate) -> None:
    DeviceContact.objects.create(
        certificate=certificate, at=timezone.now(), user_agent="fw 7", clock_offset_seconds=-9000
    )
    text = read(analyst, certificate)
    assert "2.5 h behind by the Date header of its request" in text
    assert "Set the device's clock" in text.replace("&#x27;", "'")
    DeviceContact.objects.update(clock_offset_seconds=2)
    assert "right within a minute" in read(analyst, certificate)


def test_samples_ahead_of_their_upload_tell_the_clock(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    ahead = int((timezone.now() + timedelta(hours=3)).timestamp() * 1000)
    make_measurement(certificate, b"1", last_ms=ahead)
    assert "3 h ahead at least: a sample is later than its upload" in read(analyst, certificate)


def test_a_device_that_works_has_nothing_to_do(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    assert "has registered and sent nothing since" in read(analyst, certificate)
    make_measurement(certificate, b"1")
    DeviceCertificate.objects.update(first_seen_at=timezone.now())
    text = read(analyst, certificate)
    assert "Nothing: its last request was accepted" in text
    refuse(certificate, "too_many_lines", status=413)
    assert "Let the device send less at once" in read(analyst, certificate)


def test_attempts_before_the_registration_stand_there(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    RegistrationAttempt.objects.create(
        outcome="psk_expired", sha256=certificate.sha256, identity=certificate.identity
    )
    now = timezone.now()
    StrangerRefusal.objects.create(
        sha256=certificate.sha256,
        first_at=now,
        at=now,
        code="certificate_not_yet_valid",
        status=403,
    )
    text = read(analyst, certificate)
    assert "Pre-shared key expired" in text
    assert "Create a new key for the identity" in text
    assert "certificate_not_yet_valid" in text


def test_it_is_one_click_from_certificate_identity_and_home(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    refuse(certificate, "certificate_expired")
    for page in (
        f"{LIST}{certificate.pk}/change/",
        "/admin/analysis/overview/ward3-07/",
        "/admin/",
    ):
        assert f'href="{address(certificate)}"' in analyst.get(page).content.decode(), page


def test_a_refused_request_is_found_by_its_id(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    make_certificate(Identity.objects.create(name="elsewhere"), "second")
    refuse(certificate, "certificate_expired", request_id="4f3a")
    text = analyst.get(LIST, {"q": "4f3a"}).content.decode()
    assert f"{LIST}{certificate.pk}/change/" in text
    assert "elsewhere" not in text


def test_an_unregistered_device_is_found_beside_the_attempts(analyst: Client) -> None:
    now = timezone.now()
    refusal = StrangerRefusal.objects.create(
        sha256=b"\xab" * 32, first_at=now, at=now, code="certificate_expired", status=403,
        clock_offset_seconds=7200,
    )  # fmt: skip
    attempt = RegistrationAttempt.objects.create(outcome="certificate_expired", sha256=b"\xab" * 32)
    found = f"/admin/ingest/strangerrefusal/{refusal.pk}/change/"
    page = analyst.get(f"/admin/ingest/registrationattempt/{attempt.pk}/change/").content.decode()
    assert found in page
    assert "let it make a new certificate" in page
    listed = analyst.get("/admin/ingest/strangerrefusal/", {"q": "abababab"}).content.decode()
    assert found in listed
    assert "2 h ahead" in analyst.get(found).content.decode()
    assert "1 device that is not registered was refused" in analyst.get("/admin/").content.decode()


def test_the_statements_do_not_grow_with_the_uploads(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    counts = []
    for number in range(2):
        for each in range(10 * number + 1):
            make_measurement(certificate, f"{number} {each}".encode())
        with CaptureQueriesContext(connection) as captured:
            analyst.get(address(certificate))
        counts.append(len(captured))
    assert counts[0] == counts[1]
