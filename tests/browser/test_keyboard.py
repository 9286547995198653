"""Days, compliance, status, a device's trouble and comparisons need a keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from analysis.models import Annotation
from identities.models import Identity
from ingest.models import CertificateRefusal, DeviceCertificate, SampleBlock
from tests.analysis.queries.factories import make_certificate, make_series
from tests.browser import chart_page
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

IDENTITY = "by-keyboard"
START = 1_700_006_400_000  # 2023-11-15 00:00 UTC
DAY = 86_400_000
# More tab stops than this before an element, and nobody finds it.
MAX_TABS = 40
# Return whether the focus changes the look of the element, or of what is in it.
FOCUSED = """() => {
    const element = document.activeElement;
    const box = element.getBoundingClientRect();
    const names = ["outlineStyle", "boxShadow", "borderColor", "textDecorationLine", "stroke"];
    const look = () => [element, element.firstElementChild ?? element]
        .flatMap((each) => names.map((name) => getComputedStyle(each)[name])).join();
    const focused = look();
    element.blur();
    const blurred = look();
    element.focus();
    return box.width > 0 && box.height > 0 && focused !== blurred;
}"""


@pytest.fixture
def certificate(live_db: None) -> Iterator[DeviceCertificate]:
    """A device with two series of three days, whose last request was refused."""
    identity = Identity.objects.create(name=IDENTITY)
    for name in ("hr", "temp"):
        make_series(identity, name, {START + DAY * (n // 200) + 60_000 * n: 60 for n in range(600)})
    certificate = make_certificate(identity, IDENTITY)
    CertificateRefusal.objects.create(
        certificate=certificate,
        at=datetime.now(UTC),
        status=403,
        code="certificate_expired",
        detail="The certificate has expired.",
    )
    yield certificate
    Annotation.objects.filter(identity=identity).delete()
    CertificateRefusal.objects.filter(certificate=certificate).delete()
    DeviceCertificate.objects.filter(identity=identity).delete()
    SampleBlock.objects.filter(identity=identity).delete()
    identity.delete()
    connection.close()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element that matches has the focus, and check that this is shown."""
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            assert page.evaluate(FOCUSED), f"{selector}: the focus is not visible"
            return
    raise AssertionError(f"{selector} is not within {MAX_TABS} tab stops of {page.url}")


def skip_to_content(page: Page) -> None:
    """Pass the list of all models, which has a tab stop for each."""
    page.wait_for_load_state("networkidle")
    tab_to(page, ".skip-to-content-link")
    page.keyboard.press("Enter")


def press_enter(page: Page, address: str) -> None:
    page.keyboard.press("Enter")
    page.wait_for_url(address)
    page.wait_for_load_state("networkidle")


def open_link(page: Page, selector: str, address: str) -> None:
    tab_to(page, selector)
    press_enter(page, address)
    skip_to_content(page)


def open_page(page: Page, stack: Stack, path: str) -> None:
    page.goto(f"{stack.staff_url}/admin/{path}")
    skip_to_content(page)


def test_days_are_chosen_and_lead_to_their_chart(
    stack: Stack, chromium: Browser, certificate: DeviceCertificate
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_page(page, stack, f"analysis/series/{IDENTITY}/hr/days/")
        tab_to(page, "[name=show]")
        page.keyboard.press("m")  # mean, median: a letter chooses an entry, and nothing is sent
        assert "show=" not in page.url
        press_enter(page, "**show=m*")
        expect(page.locator("[name=show]")).to_be_focused()
        open_link(page, ".series-table tbody a", f"**/{IDENTITY}/hr/?*")


def test_a_day_of_the_calendar_is_read_and_opened(
    stack: Stack, chromium: Browser, certificate: DeviceCertificate
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_page(page, stack, f"analysis/overview/{IDENTITY}/?series=hr")
        tab_to(page, ".calendar a")
        page.keyboard.press("ArrowUp")
        expect(page.locator("#calendar-day")).to_contain_text("2023-11-16")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{IDENTITY}/hr/?*")


def test_compliance_is_sorted_and_filtered(
    stack: Stack, chromium: Browser, certificate: DeviceCertificate
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_page(page, stack, f"analysis/compliance/?to=2023-11-17&name=hr&q={IDENTITY}")
        tab_to(page, "[name=valid]")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("3")
        press_enter(page, "**valid=3*")
        expect(page.locator(".compliance tbody td").first).to_contain_text("3 of")
        open_link(page, ".compliance thead th:nth-child(2) a", "**sort=*")
        expect(page.locator(".compliance thead th:nth-child(2)")).to_have_attribute(
            "aria-sort", "descending"
        )
        tab_to(page, ".compliance")  # the region scrolls by arrow keys
        open_link(page, ".compliance tbody a", f"**/{IDENTITY}/**")


def test_the_status_leads_to_a_device_and_its_reason(
    stack: Stack, chromium: Browser, certificate: DeviceCertificate
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_page(page, stack, "")
        open_link(page, ".status-home tbody a[href*=device]", "**/device/**")
        expect(page.locator("#device-page")).to_contain_text("The certificate has expired.")


def test_series_are_compared_and_saved(
    stack: Stack, chromium: Browser, certificate: DeviceCertificate, tmp_path: Path
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_page(page, stack, f"analysis/overview/{IDENTITY}/")
        for name in ("hr", "temp"):
            tab_to(page, f"input[value='{IDENTITY}/{name}']")
            page.keyboard.press("Space")
        open_link(page, ".ticked button", "**/compare/?*")
        tab_to(page, "#series-layout")
        page.keyboard.press("ArrowDown")
        tab_to(page, "[data-save=png]")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        download.value.save_as(tmp_path / "chart.png")
        assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
        tab_to(page, "#series-chart")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#series-point")).not_to_be_empty()


def test_a_note_is_added_to_a_time(
    stack: Stack, chromium: Browser, certificate: DeviceCertificate
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_page(page, stack, f"analysis/series/{IDENTITY}/hr/")
        open_link(page, "#series-annotate", "**/annotation/add/**")
        tab_to(page, "#id_text")
        page.keyboard.type("washed")
        tab_to(page, "[name=_save]")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{IDENTITY}/hr/**")
        expect(page.locator("#series-events li")).to_contain_text(["washed"])
