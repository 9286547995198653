"""Files in the admin: receipt, errors, original, and nothing a device sent that acts."""

import uuid

import pytest
from django.test import Client

from ingest.models import DeviceCertificate, RegistrationAttempt
from tests.analysis.queries.factories import make_measurement, make_series

LIST = "/admin/ingest/measurement/"
NASTY = "<script>alert(1)</script>\u202egpj.\x1b[31m\u2028{{ 7 }}"


def test_a_file_is_downloaded_byte_for_byte(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    content = b"\xff\x00<script>" * 5000
    stored = make_measurement(certificate, content, status="rejected")
    answer = analyst.get(f"{LIST}{stored.pk}/content/")
    assert b"".join(answer) == content
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_missing_file_is_404(analyst: Client) -> None:
    assert analyst.get(f"{LIST}{uuid.uuid4()}/content/").status_code == 404


def test_a_rejected_file_shows_its_errors(analyst: Client, certificate: DeviceCertificate) -> None:
    error = {"line": 952_381, "column": 14, "got": "1700x78.572", "hint": "the comma is missing"}
    stored = make_measurement(certificate, b"x", status="rejected", errors=[error])
    text = analyst.get(f"{LIST}{stored.pk}/change/").content.decode()
    for value in error.values():
        assert f"<td>{value}</td>" in text


def test_a_stored_file_links_to_its_range_of_the_chart(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    make_series(certificate.identity, "hr", {5000: 1, 6000: 2})
    stored = make_measurement(certificate, b"x", samples=2, first_ms=5000, last_ms=6000)
    text = analyst.get(f"{LIST}{stored.pk}/change/").content.decode()
    assert '"/admin/analysis/series/ward3-07/hr/?from=5000&amp;to=6001"' in text


def test_a_file_of_several_columns_links_to_each_series(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    stored = make_measurement(
        certificate, b"x", "acc", columns=["x", "y"], samples=2, first_ms=5000, last_ms=6000
    )
    text = analyst.get(f"{LIST}{stored.pk}/change/").content.decode()
    for name in ("acc.x", "acc.y"):
        assert f'"/admin/analysis/series/ward3-07/{name}/?from=5000&amp;to=6001">{name}</a>' in text


def test_text_from_devices_is_escaped_on_every_page(
    operator: Client, certificate: DeviceCertificate
) -> None:
    DeviceCertificate.objects.update(subject=NASTY)
    errors = [{"line": 1, "column": 1, "got": NASTY, "hint": NASTY}, "odd"]
    stored = make_measurement(
        certificate, b"x", name=NASTY[:64], filename=NASTY, content_type=NASTY, errors=errors
    )
    attempt = RegistrationAttempt.objects.create(
        outcome="psk_unknown", psk_hint="<b>\u202e", request_id=NASTY[:64]
    )
    folder = "/admin/ingest"
    for page in (
        LIST,
        f"{LIST}{stored.pk}/change/",
        f"{folder}/devicecertificate/",
        f"{folder}/devicecertificate/{certificate.pk}/change/",
        f"{folder}/registrationattempt/",
        f"{folder}/registrationattempt/{attempt.pk}/change/",
    ):
        text = operator.get(page).content.decode()
        assert "<script>alert" not in text, page
        assert "<b>" not in text, page
        assert not set("\u202e\x1b\u2028") & set(text), page


@pytest.mark.parametrize("term", ["WARD3-07", "ard3", "hr.txt", "id"])
def test_files_are_found_by_identity_and_by_id(
    analyst: Client, certificate: DeviceCertificate, term: str
) -> None:
    stored = make_measurement(certificate, b"x")
    answer = analyst.get(LIST, {"q": str(stored.pk) if term == "id" else term})
    assert f"{LIST}{stored.pk}/change/" in answer.content.decode()


@pytest.mark.parametrize("term", ["nobody", str(uuid.UUID(int=7)), "ward4", "%", "'"])
def test_other_searches_find_nothing(
    analyst: Client, certificate: DeviceCertificate, term: str
) -> None:
    stored = make_measurement(certificate, b"x")
    answer = analyst.get(LIST, {"q": term})
    assert str(stored.pk) not in answer.content.decode()


def test_lists_never_fetch_the_files_themselves(
    analyst: Client, certificate: DeviceCertificate
) -> None:
    make_measurement(certificate, b"x")
    answer = analyst.get(LIST)
    (shown,) = answer.context["cl"].result_list
    assert "content" in shown.get_deferred_fields()
