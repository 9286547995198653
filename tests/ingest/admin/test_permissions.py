"""Who may see and do what on the pages of devices and measurements."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from ingest.models import DeviceCertificate, Measurement, RegistrationAttempt
from tests.analysis.queries.factories import make_measurement, make_series

START = 1_700_000_000_000


@pytest.fixture
def pages(certificate: DeviceCertificate) -> list[str]:
    """Every page of this application's admin, with something on it."""
    make_series(certificate.identity, "hr", {START: 70})
    stored = make_measurement(certificate, b"x")
    attempt = RegistrationAttempt.objects.create(outcome="registered", sha256=certificate.sha256)
    folder = "/admin/ingest"
    return [
        f"{folder}/devicecertificate/",
        f"{folder}/devicecertificate/{certificate.pk}/change/",
        f"{folder}/registrationattempt/",
        f"{folder}/registrationattempt/{attempt.pk}/change/",
        f"{folder}/measurement/",
        f"{folder}/measurement/{stored.pk}/change/",
        f"{folder}/measurement/{stored.pk}/content/",
        "/admin/analysis/series/",
        "/admin/analysis/series/ward3-07/hr/",
        "/admin/analysis/series/compare/?series=ward3-07/hr",
        "/admin/analysis/overview/",
        "/admin/analysis/overview/ward3-07/",
        f"{folder}/measurementtype/",
    ]


def test_an_analyst_opens_every_page(analyst: Client, pages: list[str]) -> None:
    assert [analyst.get(page).status_code for page in pages] == [200] * len(pages)


def test_a_user_without_permissions_opens_none(stranger: Client, pages: list[str]) -> None:
    assert [stranger.get(page).status_code for page in pages] == [403] * len(pages)


def test_an_anonymous_user_is_redirected_to_the_login(db: None, pages: list[str]) -> None:
    answers = [Client().get(page) for page in pages]
    assert all(answer["Location"].startswith("/admin/login/") for answer in answers)


def test_an_analyst_has_no_button_that_changes_anything(analyst: Client, pages: list[str]) -> None:
    for page in pages:
        if page.endswith("/content/"):
            continue
        text = analyst.get(page).content.decode()
        content = text.partition('id="content"')[2].partition('id="footer"')[0]
        buttons = re.findall(r'<input[^>]*type="submit"[^>]*value="([^"]*)"', content)
        assert set(buttons) <= {"Search", "Filter"}
        assert set(re.findall(r'<button type="submit">([^<]*)<', content)) <= {"Show", "Compare"}
        assert 'name="_save"' not in text
        assert 'name="action"' not in text
        assert "deletelink" not in text
        assert "addlink" not in content


@pytest.mark.parametrize("model", ["devicecertificate", "registrationattempt", "measurement"])
def test_nobody_adds_or_deletes_read_only_rows(
    operator: Client, admin_client: Client, pages: list[str], model: str
) -> None:
    for client in (operator, admin_client):
        assert client.get(f"/admin/ingest/{model}/add/").status_code == 403
        change = next(page for page in pages if model in page and page.endswith("/change/"))
        answer = client.post(change.replace("/change/", "/delete/"), {"post": "yes"})
        assert answer.status_code == 403


def test_only_admins_withdraw_a_file_unless_they_grant_it(
    analyst: Client, operator: Client, stranger: Client, admin_client: Client, pages: list[str]
) -> None:
    file = next(page for page in pages if "/measurement/" in page and page.endswith("/change/"))
    withdraw = file.replace("/change/", "/withdraw/")
    for client in (analyst, operator, stranger):
        assert client.get(withdraw).status_code == 403
        assert client.post(withdraw, {"reason": "x"}).status_code == 403
    assert admin_client.get(withdraw).status_code == 200
    user = User.objects.get(username="operator")
    user.user_permissions.add(Permission.objects.get(codename="withdraw_measurement"))
    assert operator.get(withdraw).status_code == 200
    assert Measurement.objects.get().status == "stored"


def test_nobody_changes_a_file_or_an_attempt(admin_client: Client, pages: list[str]) -> None:
    for page in pages:
        if page.endswith("/change/") and "certificate" not in page:
            assert admin_client.post(page, {"name": "x", "outcome": "x"}).status_code == 403
    assert Measurement.objects.get().name == "hr"


def test_the_first_page_lists_the_series(analyst: Client, stranger: Client) -> None:
    link = 'href="/admin/analysis/series/"'
    assert link in analyst.get("/admin/").content.decode()
    assert link not in stranger.get("/admin/").content.decode()


def test_pages_comply_with_a_strict_content_policy(analyst: Client, pages: list[str]) -> None:
    for page in pages:
        answer = analyst.get(page)
        if answer.streaming:
            continue
        text = answer.content.decode()
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", text)
        assert not re.search(r"<[^>]+\s(style|on[a-z]+)\s*=", text)
        assert "<style" not in text
