"""MFA: offered or required, verified after the password, lost and replaced."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from identities.audit.models import AuditEvent
from tests.identities.admin_pages import barred, links

ENROL = "/admin/mfa/"
CHECK = "/admin/mfa/verify/"
PASSWORD = "correct horse battery staple"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password=PASSWORD, is_staff=True)


@pytest.fixture
def offered(settings: Any) -> None:
    settings.STAFF_MFA = "offered"


@pytest.fixture
def required(settings: Any) -> None:
    settings.STAFF_MFA = "required"


def log_in() -> tuple[Client, str]:
    client = Client(headers={"X-Forwarded-Proto": "https", "X-Real-IP": "192.0.2.1"})
    fields = {"username": "ada", "password": PASSWORD}
    answer = client.post("/admin/login/?next=/admin/", fields)
    assert answer.status_code == 302
    return client, client.get(answer["Location"]).get("Location", "in")


def code_of(device: TOTPDevice) -> str:
    return f"{totp(device.bin_key):06}"


def enrol(client: Client) -> list[str]:
    client.get(ENROL)
    answer = client.post(ENROL, {"code": code_of(TOTPDevice.objects.get())})
    return re.findall(
        r"<code>([a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4})</code>", answer.content.decode()
    )


def forget_the_used_code() -> None:
    TOTPDevice.objects.update(last_t=-1)


@pytest.mark.usefixtures("ada")
def test_off_there_is_no_page_and_no_code_is_required() -> None:
    client, where = log_in()
    assert where == "in"
    assert client.get(ENROL).status_code == 404
    assert ENROL not in links(client.get("/admin/").content.decode())


@pytest.mark.usefixtures("ada", "offered")
def test_offered_a_code_is_required_only_after_setup() -> None:
    client, where = log_in()
    assert where == "in"
    assert ENROL in links(client.get("/admin/").content.decode())
    assert len(enrol(client)) == 10
    assert client.get("/admin/").status_code == 200
    _, where = log_in()
    assert where == f"{CHECK}?next=%2Fadmin%2F"


@pytest.mark.usefixtures("ada", "required")
def test_required_every_other_page_redirects_to_the_setup() -> None:
    client, where = log_in()
    assert where == f"{ENROL}?next=%2Fadmin%2F"
    assert client.get("/api/v1/series").status_code == 403
    assert client.get("/admin/identities/identity/").status_code == 302
    enrol(client)
    assert client.get("/admin/").status_code == 200
    assert client.post("/admin/mfa/remove/").status_code == 302
    assert TOTPDevice.objects.get().confirmed


@pytest.mark.usefixtures("ada", "offered")
def test_the_password_alone_gives_no_access_after_setup() -> None:
    enrol(log_in()[0])
    client, _ = log_in()
    for path in ("/admin/", "/admin/identities/identity/", ENROL, "/admin/password_change/"):
        assert client.get(path)["Location"].startswith(CHECK)
    assert client.post("/admin/mfa/remove/")["Location"].startswith(CHECK)
    assert client.get("/api/v1/series").status_code == 403


@pytest.mark.usefixtures("ada", "offered")
def test_removing_takes_a_code() -> None:
    client, _ = log_in()
    codes = enrol(client)
    answer = client.post("/admin/mfa/remove/", {"code": "123456"})
    assert answer.status_code == 200
    assert TOTPDevice.objects.filter(confirmed=True).exists()
    assert client.post("/admin/mfa/remove/", {"code": codes[0]}).status_code == 302
    assert not TOTPDevice.objects.exists()


@pytest.mark.usefixtures("ada", "offered")
def test_a_code_is_accepted_once() -> None:
    enrol(log_in()[0])
    forget_the_used_code()
    code = code_of(TOTPDevice.objects.get())
    client, where = log_in()
    before = client.session.session_key
    assert client.post(where, {"code": code, "next": "/admin/identities/"})["Location"] == (
        "/admin/identities/"
    )
    assert client.session.session_key != before
    assert client.get("/admin/").status_code == 200
    again, where = log_in()
    assert again.post(where, {"code": code}).status_code == 200
    assert again.get("/admin/").status_code == 302


@pytest.mark.usefixtures("ada", "offered")
def test_a_recovery_code_is_accepted_once_and_stored_as_a_digest() -> None:
    codes = enrol(log_in()[0])
    assert not StaticToken.objects.filter(token__in=[code[:16] for code in codes]).exists()
    client, where = log_in()
    assert client.post(where, {"code": codes[0].upper()}).status_code == 302
    assert client.get("/admin/").status_code == 200
    again, where = log_in()
    assert again.post(where, {"code": codes[0]}).status_code == 200
    assert again.get("/admin/").status_code == 302


@pytest.mark.usefixtures("ada", "offered")
def test_after_a_wrong_code_the_right_one_has_to_wait_too(settings: Any) -> None:
    settings.OTP_TOTP_THROTTLE_FACTOR = 60  # The default of one second may pass between requests.
    enrol(log_in()[0])
    forget_the_used_code()
    client, where = log_in()
    code = code_of(TOTPDevice.objects.get())
    wrong = f"{(int(code) + 500_000) % 1_000_000:06}"
    for _ in range(4):
        assert client.post(where, {"code": wrong}).status_code == 200
    assert client.post(where, {"code": code}).status_code == 200
    assert AuditEvent.objects.filter(action="MFA failed", username="ada").exists()


@pytest.mark.usefixtures("ada", "offered")
@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:1"])
def test_a_login_ends_on_this_site(elsewhere: str) -> None:
    codes = enrol(log_in()[0])
    client, _ = log_in()
    assert client.post(CHECK, {"code": codes[0], "next": elsewhere})["Location"] == "/admin/"


@pytest.mark.usefixtures("offered")
def test_a_superuser_removes_an_authenticator_without_its_secret(ada: User) -> None:
    admin = Client(headers={"X-Forwarded-Proto": "https"})
    admin.force_login(User.objects.create_superuser("root", password=PASSWORD))
    enrol(log_in()[0])
    device = TOTPDevice.objects.get()
    address = f"/admin/otp_totp/totpdevice/{device.pk}"
    for page in (f"{address}/change/", "/admin/otp_totp/totpdevice/"):
        answer = admin.get(page)
        assert answer.status_code == 200
        assert device.key not in answer.content.decode()
    index = admin.get("/admin/").content.decode()
    assert "Authenticators" in index
    assert "OTP_TOTP" not in index
    for password in ("", "a guess"):
        wrong = {"post": "yes", "password": password}
        assert admin.post(f"{address}/delete/", wrong).status_code == 302
        assert TOTPDevice.objects.exists()
    assert b"password is wrong" in admin.get(f"{address}/delete/").content
    right = {"post": "yes", "password": PASSWORD}
    assert admin.post(f"{address}/delete/", right).status_code == 302
    assert not StaticToken.objects.exists()
    assert log_in()[1] == "in"
    assert device.key not in str(list(AuditEvent.objects.values()))


@pytest.mark.usefixtures("ada", "offered")
def test_the_pages_hold_nothing_that_a_strict_policy_bars() -> None:
    client, _ = log_in()
    pages: list[HttpResponse] = [client.get(ENROL)]  # type: ignore[list-item]
    pages += [client.post(ENROL, {"code": code_of(TOTPDevice.objects.get())})]  # type: ignore[list-item]
    pages += [client.get(ENROL), log_in()[0].get(CHECK)]  # type: ignore[list-item]
    for page in pages:
        assert page.status_code == 200
        assert barred(page.content.decode()) == []
        assert "no-store" in page["Cache-Control"]
