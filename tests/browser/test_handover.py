"""The credential card shows a registration live: a device registers through nginx."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chart_page
from tests.support.devices import Device
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

STATUS = "#registration-status"


def make_card(page: Page, stack: Stack, identity: str, uses: int = 1) -> str:
    """Create a key in the admin; return it as the card shows it."""
    stack.issue_psk(identity)  # makes the identity
    page.goto(f"{stack.staff_url}/admin/identities/presharedkey/add/")
    page.select_option("#id_identity", label=identity)
    page.fill("#id_max_uses", str(uses))
    page.click("[name=_save]")
    expect(page.locator(STATUS)).to_contain_text("Waiting for the device.")
    return page.locator("#secret").inner_text()


def grouped(digest: str) -> str:
    return " ".join(digest[start : start + 4] for start in range(0, 64, 4))


def test_the_credential_card_shows_the_registration(
    stack: Stack, chromium: Browser, make_device: Callable[..., Device]
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        secret = make_card(page, stack, "turns-green")
        device = make_device(subject="blue strap")
        assert device.register(secret).status_code == 200
        status = page.locator(STATUS)
        expect(status).to_contain_text("Registered: turns-green")
        expect(status).to_contain_text(grouped(device.sha256))
        expect(status).to_have_class("status status-registered")
        count = len(requested)
        page.wait_for_timeout(6_000)  # longer than the polling interval
        assert len(requested) == count, "an exhausted key is not polled"
        assert not any(secret in url for url in requested)
        page.click(f"{STATUS} li a")
        expect(page.locator("#content")).to_contain_text(grouped(device.sha256))


def test_a_failed_attempt_is_shown_and_a_second_use_awaited(
    stack: Stack, chromium: Browser, make_device: Callable[..., Device]
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        secret = make_card(page, stack, "waits-on", uses=2)
        status = page.locator(STATUS)
        wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
        assert make_device().register(wrong).status_code == 400
        expect(status).to_contain_text("An attempt failed")
        assert make_device().register(secret).status_code == 200
        expect(status).to_contain_text("1 more may register.")
        assert make_device().register(secret).status_code == 200
        expect(status.locator("li")).to_have_count(2)


def test_a_revoked_key_is_shown_as_revoked(stack: Stack, chromium: Browser) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        make_card(page, stack, "revoked-meanwhile")
        address = page.get_attribute(STATUS, "data-address")
        assert address is not None
        other = page.context.new_page()
        key = address.rstrip("/").rpartition("/")[2]
        other.goto(f"{stack.staff_url}/admin/identities/presharedkey/{key}/revoke/")
        other.click("#content [type=submit]")
        page.bring_to_front()
        expect(page.locator(STATUS)).to_contain_text("The key was revoked")
        answer = other.request.get(f"{stack.staff_url}{address}")
        assert "no-store" in answer.headers["cache-control"]
        assert json.loads(answer.text())["registered"] == []
