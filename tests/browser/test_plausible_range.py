"""The chart shows the plausible range: lines, labels and the number of samples outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from identities.models import Identity
from ingest.models import SampleBlock
from tests.analysis.queries.factories import make_series
from tests.browser import chart_page
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

IDENTITY = "plausible-in-a-browser"
START = 1_700_006_400_000
# Contrast ratio (WCAG) of a CSS variable's colour against the page background.
CONTRAST = """(name) => {
  const context = document.createElement("canvas").getContext("2d");
  const light = (variable) => {
    const style = getComputedStyle(document.documentElement);
    context.fillStyle = style.getPropertyValue(variable).trim();
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = Array.from(context.getImageData(0, 0, 1, 1).data, (value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark, bright] = [light(name), light("--body-bg")].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}"""


@pytest.fixture
def series(live_db: None) -> Iterator[None]:
    """Heart rates with three implausible ones, without any, and a series without a type."""
    identity = Identity.objects.create(name=IDENTITY)
    odd = {1: 12, 2: 260, 3: 270}
    make_series(identity, "hr", {START + 1000 * n: odd.get(n, 60 + n % 7) for n in range(600)})
    make_series(identity, "hr_quiet", {START + 1000 * n: 60 + n % 7 for n in range(600)})
    make_series(identity, "unknown", {START + 1000 * n: n for n in range(600)})
    yield
    SampleBlock.objects.filter(identity=identity).delete()
    identity.delete()
    connection.close()


def open_series(page: Page, stack: Stack, path: str) -> Page:
    page.goto(f"{stack.staff_url}/admin/analysis/series/{path}")
    expect(page.locator("#series-statistics td").first).to_be_visible()
    return page


def test_the_range_is_named_and_outliers_are_counted(
    stack: Stack, series: None, chromium: Browser
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_series(page, stack, f"{IDENTITY}/hr/")
        expect(page.locator("#series-legend")).to_contain_text(
            "plausible range of Heart rate: 20 to 250 bpm"
        )
        expect(page.locator("#series-legend")).not_to_contain_text("outside the values shown")
        expect(page.locator("#series-statistics")).to_contain_text("3 (1 below, 2 above)")
        open_series(page, stack, f"{IDENTITY}/hr_quiet/")
        expect(page.locator("#series-legend")).to_contain_text("outside the values shown")
        expect(page.locator("#series-statistics")).to_contain_text("none")
        open_series(page, stack, f"{IDENTITY}/unknown/")
        expect(page.locator("#series-legend")).not_to_contain_text("plausible")


@pytest.mark.parametrize("layout", ["overlay", "rows"])
def test_compared_series_of_one_type_share_one_range(
    stack: Stack, series: None, chromium: Browser, layout: str
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        both = f"series={IDENTITY}/hr&series={IDENTITY}/hr_quiet&layout={layout}"
        open_series(page, stack, f"compare/?{both}")
        expect(page.locator("#series-legend li", has_text="plausible range")).to_have_count(1)
        expect(page.locator("#series-statistics tr", has_text="Outside")).to_contain_text(
            "3 (1 below, 2 above)none"
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_and_labels_have_enough_contrast(
    stack: Stack, series: None, chromium: Browser, scheme: str
) -> None:
    with chart_page.signed_in(chromium, stack, color_scheme=scheme) as page:
        open_series(page, stack, f"{IDENTITY}/hr/")
        assert page.evaluate(CONTRAST, "--chart-limit") >= 4.5
        for number in range(1, 7):
            assert page.evaluate(CONTRAST, f"--chart-{number}") >= 4.5, number
