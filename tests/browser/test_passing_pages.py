"""Pages without a stable URL are accessible: login, errors, credential cards, MFA."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Browser, Page

from tests.browser import chart_page
from tests.support.database import database_address
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

MAX_ATTEMPTS = 20
in_each_appearance = pytest.mark.parametrize(
    "appearance", chart_page.APPEARANCES.values(), ids=chart_page.APPEARANCES
)


def check(page: Page, name: str) -> dict[str, list[str]]:
    """Return the violations of the open page."""
    page.wait_for_load_state("networkidle")
    wrong = chart_page.find_violations(page)
    if chart_page.measure_bytes(page) >= chart_page.MAX_BYTES:
        wrong.append(f"{chart_page.measure_bytes(page)} bytes")
    viewport = page.viewport_size
    if viewport is not None and chart_page.measure_width(page) > viewport["width"]:
        wrong.append(f"{chart_page.measure_width(page)} wide")
    return {name: wrong} if wrong else {}


def sign_in(page: Page, stack: Stack) -> None:
    page.fill("#id_username", stack.superuser_name)
    page.fill("#id_password", stack.superuser_password)
    page.click("[type=submit]")


@in_each_appearance
def test_login_and_error_pages_are_accessible(
    stack: Stack, chromium: Browser, appearance: dict[str, Any]
) -> None:
    context = chromium.new_context(ignore_https_errors=True, bypass_csp=True, **appearance)
    page = context.new_page()
    page.goto(f"{stack.staff_url}/admin/login/")
    found = check(page, "login")
    nobody = f"nobody-{time.monotonic_ns()}"
    for attempt in range(MAX_ATTEMPTS):
        page.fill("#id_username", nobody)
        page.fill("#id_password", "wrong")
        page.click("[type=submit]")
        page.wait_for_load_state()
        if attempt == 0:
            found |= check(page, "refused login")
        if page.locator("#id_username").count() == 0:
            break
    found |= check(page, "locked out")
    assert page.locator("#id_username").count() == 0
    page.goto(f"{stack.staff_url}/admin/login/")
    sign_in(page, stack)
    for path in ("nonsense/", "analysis/series/nobody/hr/", "analysis/overview/nobody/"):
        page.goto(f"{stack.staff_url}/admin/{path}")
        found |= check(page, path)
    context.close()
    assert found == {}


@in_each_appearance
def test_secret_and_confirmation_pages_are_accessible(
    stack: Stack, chromium: Browser, appearance: dict[str, Any]
) -> None:
    stack.issue_psk("shown-once")
    with chart_page.signed_in(chromium, stack, bypass_csp=True, **appearance) as page:
        page.goto(f"{stack.staff_url}/admin/identities/presharedkey/add/")
        page.select_option("#id_identity", label="shown-once")
        page.click("[name=_save]")
        found = check(page, "credential card")
        page.click("#registration-status a")
        found |= check(page, "key")
        page.click(".revokelink")
        found |= check(page, "revoke?")
        page.goto(f"{stack.staff_url}/admin/identities/accesstoken/add/")
        page.click("[name=_save]")
        found |= check(page, "token card")
        assert page.locator("#secret").count() == 1
    assert found == {}


@pytest.fixture
def guarded(live_db: None, tmp_path: Path, stack: Stack) -> Iterator[Stack]:
    """An installation with the same database whose staff site offers MFA."""
    environment = {"DATABASE_URL": database_address(), "STAFF_MFA": "offered"}
    running = Stack(tmp_path, environment)
    running.start()
    yield running
    running.stop()
    TOTPDevice.objects.filter(user__username=running.superuser_name).delete()
    connection.close()


def test_mfa_pages_are_accessible(guarded: Stack, chromium: Browser) -> None:
    found: dict[str, list[str]] = {}
    for name, appearance in chart_page.APPEARANCES.items():
        with chart_page.signed_in(chromium, guarded, bypass_csp=True, **appearance) as page:
            page.goto(f"{guarded.staff_url}/admin/mfa/")
            assert page.locator(".qr-frame").count() == 1
            found |= check(page, f"{name}: set up")
    user = get_user_model().objects.get(username=guarded.superuser_name)
    TOTPDevice.objects.create(user=user, name="authenticator", confirmed=True)
    for name, appearance in chart_page.APPEARANCES.items():
        with chart_page.signed_in(chromium, guarded, bypass_csp=True, **appearance) as page:
            assert "/verify/" in page.url
            found |= check(page, f"{name}: code")
    assert found == {}
