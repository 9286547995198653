"""The sign-in through an identity provider cannot be forged, replayed, redirected or read."""

from __future__ import annotations

import html
import logging
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests.identities.oidc.conftest import CALLBACK, CLIENT_SECRET, START, Provider


def test_without_a_provider_there_is_nothing(db: None, visitor: Client) -> None:
    assert visitor.get(START).status_code == visitor.get(CALLBACK).status_code == 404
    assert "Sign in with" not in visitor.get("/admin/login/").content.decode()


def test_the_login_page_leads_to_the_provider(provider: Provider, visitor: Client) -> None:
    page = visitor.get("/admin/login/?next=/admin/analysis/series/%3Fq%3Da").content.decode()
    found = re.search(r'href="([^"]+)">Sign in with your organisation', page)
    assert found
    answer = visitor.get(html.unescape(found[1]))
    location = urlsplit(answer.headers["Location"])
    asked = {name: values[0] for name, values in parse_qs(location.query).items()}
    assert f"{location.scheme}://{location.netloc}" == provider.url
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert len(asked["nonce"]) >= 20
    assert len(asked["state"]) >= 20
    assert re.fullmatch(rf"https://testserver(:80)?{CALLBACK}", asked["redirect_uri"])
    assert CLIENT_SECRET not in answer.headers["Location"]
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_way_back_without_the_session_is_gone_once_more(
    provider: Provider, visitor: Client
) -> None:
    """The browser keeps a SameSite=Strict cookie from the provider's redirect."""
    provider.set_user("t-1", preferred_username="vera", groups=["root"])
    query = provider.approve(visitor.get(START).headers["Location"], "t-1")
    stranger = Client(headers={"X-Forwarded-Proto": "https"})
    page = stranger.get(f"{CALLBACK}?{query}")
    assert page.status_code == 200
    found = re.search(r'content="0;url=([^"]+)"', page.content.decode())
    assert found
    again = html.unescape(found[1])
    assert stranger.get(again).status_code == 400  # no session: somebody else's way back
    assert visitor.get(again).status_code == 302
    assert visitor.get("/admin/").status_code == 200


def test_a_way_back_works_once(provider: Provider, visitor: Client) -> None:
    provider.set_user("t-2", preferred_username="vera", groups=["root"])
    query = provider.approve(visitor.get(START).headers["Location"], "t-2")
    assert visitor.get(f"{CALLBACK}?{query}").status_code == 302
    assert visitor.get(f"{CALLBACK}?{query}&again=1").status_code == 400


@pytest.mark.parametrize("changed", ["code", "nonce", "state"])
def test_a_changed_way_back_is_refused(provider: Provider, visitor: Client, changed: str) -> None:
    provider.set_user("t-3", preferred_username="vera", groups=["root"])
    address = visitor.get(START).headers["Location"]
    if changed == "nonce":
        address = re.sub("nonce=[^&]+", "nonce=of-another-sign-in", address)
    query = provider.approve(address, "t-3")
    if changed != "nonce":
        query = re.sub(f"{changed}=[^&]+", f"{changed}=of-another-sign-in", query)
    answer = visitor.get(f"{CALLBACK}?{query}&again=1")
    assert answer.status_code == (400 if changed == "state" else 403)
    assert visitor.get("/admin/").status_code == 302
    assert not User.objects.exists()


def test_another_issuer_or_client_is_refused(
    provider: Provider, visitor: Client, settings: Settings
) -> None:
    provider.set_user("t-4", preferred_username="vera", groups=["root"])
    query = provider.approve(visitor.get(START).headers["Location"], "t-4")
    settings.OIDC_ISSUER = f"{provider.url}/"  # the same address, and another issuer
    assert visitor.get(f"{CALLBACK}?{query}").status_code == 403


def test_the_next_page_is_one_of_this_site(provider: Provider, visitor: Client) -> None:
    provider.set_user("t-5", preferred_username="vera", groups=["root"])
    answer = provider.sign_in(visitor, "t-5", following="https://example.org/admin/")
    assert answer.headers["Location"] == "/admin/"


def test_a_name_that_is_taken_is_not_taken_over(provider: Provider, visitor: Client) -> None:
    """It is linked by who has signed in by password."""
    ada = User.objects.create(username="ada", is_staff=True)
    provider.set_user("t-6", preferred_username="ADA", groups=["root"])
    answer = provider.sign_in(visitor, "t-6")
    assert answer.status_code == 403
    assert "exists already" in answer.content.decode()  # type: ignore[attr-defined]
    visitor.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    assert provider.sign_in(visitor, "t-6").status_code == 302
    ada.refresh_from_db()
    assert ada.is_superuser
    provider.set_user("t-7", preferred_username="eve", groups=["root"])
    assert "linked to another" in provider.sign_in(visitor, "t-7").content.decode()  # type: ignore[attr-defined]


def test_a_user_who_is_inactive_here_stays_out(provider: Provider, visitor: Client) -> None:
    provider.set_user("t-8", preferred_username="vera", groups=["root"])
    provider.sign_in(visitor, "t-8")
    User.objects.update(is_active=False)
    assert (
        provider.sign_in(Client(headers={"X-Forwarded-Proto": "https"}), "t-8").status_code == 403
    )


def test_mfa_is_asked_for_here_or_trusted(
    provider: Provider, visitor: Client, settings: Settings
) -> None:
    settings.STAFF_MFA = "required"
    provider.set_user("t-9", preferred_username="vera", groups=["root"], amr=["pwd", "otp"])
    provider.sign_in(visitor, "t-9")
    assert visitor.get("/admin/").headers["Location"].startswith("/admin/mfa/")
    settings.OIDC_TRUSTED_AMR = ["otp", "hwk"]
    other = Client(headers={"X-Forwarded-Proto": "https"})
    provider.sign_in(other, "t-9")
    assert other.get("/admin/").status_code == 200
    provider.set_user("t-9", preferred_username="vera", groups=["root"], amr=["pwd"])
    provider.sign_in(other, "t-9")
    assert other.get("/admin/").status_code == 302


def test_a_provider_that_is_away_is_503(
    provider: Provider, visitor: Client, settings: Settings
) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    answer = visitor.get(START)
    assert answer.status_code == 503
    assert "does not answer" in answer.content.decode()


def test_no_log_has_a_secret_of_the_sign_in(
    provider: Provider, visitor: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.set_user("t-10", preferred_username="vera", groups=["root"])
    provider.sign_in(visitor, "t-10")
    text = caplog.text.replace("http://127.0.0.1", "")
    assert "127.0.0.1" in caplog.text or "oauth2/token" in caplog.text
    secrets = [secret for secret in provider.seen if len(secret) > 10]
    assert len(secrets) >= 5
    assert not [secret for secret in (CLIENT_SECRET, *secrets) if secret in text]
