"""The chart of all columns of a measurement in a browser: legend, milliseconds, marks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from tests.browser import chart_page
from tests.ingest.maintenance.factories import make_certificate, make_identity, send
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def page(stack: Stack, live_db: None, chromium: Browser) -> Iterator[Page]:
    """The chart of a stored excerpt of three axes, beside one of an electrocardiogram."""
    device = make_certificate(make_identity())
    for name in ("acc", "ecg"):
        (path,) = DATA.glob(f"{name}_excerpt_*")
        send(device, path.read_bytes(), name)
    with chart_page.signed_in(chromium, stack) as opened:
        opened.goto(f"{stack.staff_url}/admin/analysis/series/{device.identity.name}/acc/")
        yield opened
    connection.close()  # opened in Playwright's event loop, where nothing else would close it


def test_the_legend_hides_and_shows_columns(page: Page) -> None:
    buttons = page.locator("#series-legend button")
    expect(buttons).to_have_count(3)
    expect(page.locator("#series-statistics-head th")).to_have_count(4)
    buttons.nth(1).click()
    expect(buttons.nth(1)).to_have_attribute("aria-pressed", "false")
    assert "hide=" in page.url
    buttons.nth(0).click()
    buttons.nth(2).click()  # the last one stays
    expect(buttons.nth(2)).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(buttons.nth(1)).to_have_attribute("aria-pressed", "false")
    assert chart_page.find_violations(page) == []


def test_a_range_of_milliseconds_shows_single_samples(page: Page) -> None:
    page.goto(page.url.partition("?")[0] + "?from=2019-06-11T19:03:46Z&to=2019-06-11T19:03:46.1Z")
    expect(page.locator("#series-rows tr")).to_have_count(12)
    expect(page.locator("#series-rows tr").nth(1)).to_contain_text("19:03:46.031250")
    expect(page.locator("#series-to")).to_have_value("2019-06-11 19:03:46.100")


def test_values_that_are_not_kept_are_marked(page: Page) -> None:
    page.goto(page.url.replace("/acc/", "/ecg/"))
    expect(page.locator("#series-not-kept")).to_contain_text("not kept")
    expect(page.locator("#series-legend")).to_contain_text("value not kept")
