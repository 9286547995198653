"""The handover card turns green while one watches: a real device registers through nginx."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chart_page
from tests.support.devices import Device
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

STATUS = "#registration-status"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser, ended with this file's tests."""
    with chart_page.chromium() as browser:
        yield browser


def make_card(page: Page, stack: Stack, identity: str, uses: int = 1) -> str:
    """Make a key as a member of staff does; return it as the card shows it."""
    stack.issue_psk(identity)  # makes the identity
    page.goto(f"{stack.staff_url}/admin/identities/presharedkey/add/")
    page.select_option("#id_identity", label=identity)
    page.fill("#id_max_uses", str(uses))
    page.click("[name=_save]")
    expect(page.locator(STATUS)).to_contain_text("Waiting for the device.")
    return page.locator("#secret").inner_text()


def grouped(digest: str) -> str:
    return " ".join(digest[start : start + 4] for start in range(0, 64, 4))


def test_the_card_turns_green_when_the_device_registers(
    stack: Stack, chromium: Browser, make_device: Callable[..., Device]
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        secret = make_card(page, stack, "turns-green")
        device = make_device(subject="blue strap")
        assert device.register(secret).status_code == 200
        status = page.locator(STATUS)
        expect(status).to_contain_text("Registered: turns-green")
        expect(status).to_contain_text(grouped(device.sha256))
        expect(status).to_have_class("status status-registered")
        count = len(asked)
        page.wait_for_timeout(6_000)  # longer than the card waits before it would ask again
        assert len(asked) == count, "a used-up key is asked for no more"
        assert not any(secret in url for url in asked)
        page.click(f"{STATUS} li a")
        expect(page.locator("#content")).to_contain_text(grouped(device.sha256))


def test_a_failed_attempt_is_told_and_a_key_for_two_waits_on(
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


def test_a_revoked_key_is_said_to_be(stack: Stack, chromium: Browser) -> None:
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
        told = other.request.get(f"{stack.staff_url}{address}")
        assert "no-store" in told.headers["cache-control"]
        assert json.loads(told.text())["registered"] == []
