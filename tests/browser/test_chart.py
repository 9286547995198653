"""The chart page in a real browser, behind the real proxy and its strict policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect, sync_playwright

from identities.models import Identity
from ingest.models import SampleBlock
from tests.analysis.queries.factories import make_series
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

DATA = Path(__file__).parent.parent / "data"
IDENTITY = "chart-in-a-browser"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without its calls home; ended with this file's tests.

    Playwright's event loop runs in this thread meanwhile, which the ORM takes for a mistake.
    """
    quiet = ("quic", "background-networking", "component-update", "sync")
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{each}" for each in quiet)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def recording(live_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real recording of 4,998 heart rates, from 19:03:55 to 20:27:12."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    lines = (DATA / "hr_measurement_2019_06_11").read_text().split()
    samples = {int(time): float(value) for time, value in (line.split(",") for line in lines)}
    identity = Identity.objects.create(name=IDENTITY)
    make_series(identity, "hr", samples)
    yield
    SampleBlock.objects.filter(identity=identity).delete()
    identity.delete()
    connection.close()  # opened inside Playwright's loop, where nobody else would find it


@pytest.fixture
def chart(stack: Stack, recording: None, chromium: Browser) -> Iterator[Page]:
    """The page of the series, as someone who is signed in sees it; any fault of it fails."""
    context = chromium.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("console", lambda line: pytest.fail(line.text) if line.type == "error" else None)
    page.goto(f"{stack.staff_url}/admin/login/?next=/admin/analysis/series/{IDENTITY}/hr/")
    page.fill("#id_username", stack.superuser_name)
    page.fill("#id_password", stack.superuser_password)
    page.click("[type=submit]")
    page.wait_for_url("**/series/**")
    yield page
    context.close()


def select(page: Page, start: float, end: float) -> None:
    """Draw a stretch over the chart, from and to a part of its width."""
    box = page.locator("#series-chart .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + 60, steps=5)
    page.mouse.up()


def test_the_chart_says_what_it_shows_and_the_table_holds_it(chart: Page) -> None:
    expect(chart.locator("#series-truth")).to_contain_text("4,998 samples shown as 501 buckets")
    expect(chart.locator("#series-chart canvas")).to_be_visible()
    expect(chart.locator("#series-rows tr")).to_have_count(501)
    expect(chart.locator("#series-rows tr").first).to_contain_text("2019-06-11 19:03:50")


def test_drawing_a_stretch_zooms_in_and_the_back_button_out(chart: Page) -> None:
    truth = chart.locator("#series-truth")
    expect(truth).to_contain_text("buckets of 10 s")
    select(chart, 0.4, 0.5)
    expect(truth).to_contain_text("samples, every one drawn")
    assert "from=2019-06-11T19:3" in chart.url
    chart.go_back()
    expect(truth).to_contain_text("4,998 samples")


def test_the_address_alone_shows_the_same_again(chart: Page) -> None:
    chart.goto(f"{chart.url}?from=2019-06-11T19:30:00Z&to=2019-06-11T19:40:00Z")
    expect(chart.locator("#series-truth")).to_contain_text("600 samples, every one drawn")
    expect(chart.locator("#series-from")).to_have_value("2019-06-11 19:30:00")
    chart.reload()
    expect(chart.locator("#series-truth")).to_contain_text("600 samples, every one drawn")


def test_a_range_is_typed_and_a_preset_pressed(chart: Page) -> None:
    chart.fill("#series-from", "2019-06-11 19:30")
    chart.fill("#series-to", "2019-06-11 19:31")
    chart.click("#series-form button")
    expect(chart.locator("#series-truth")).to_contain_text("60 samples")
    chart.click("[data-preset='1h']")
    expect(chart.locator("#series-truth")).to_contain_text("3,600 samples")
    assert chart.url.endswith("?range=1h")


def test_the_keyboard_reads_and_zooms(chart: Page) -> None:
    expect(chart.locator("#series-truth")).to_contain_text("4,998 samples")
    chart.focus("#series-chart")
    chart.keyboard.press("ArrowRight")
    expect(chart.locator("#series-point")).to_contain_text(
        "2019-06-11 19:03:50 UTC, 10 s: mean 94.52"
    )
    chart.keyboard.press("+")
    expect(chart.locator("#series-truth")).to_contain_text("buckets of 5 s")
    chart.keyboard.press("Shift+ArrowRight")
    expect(chart.locator("#series-from")).to_have_value("2019-06-11 19:45:33")
    chart.keyboard.press("0")
    expect(chart.locator("#series-truth")).to_contain_text("4,998 samples")


def test_what_is_on_the_screen_is_downloaded(chart: Page, tmp_path: Path) -> None:
    chart.goto(f"{chart.url}?from=2019-06-11T19:30:00Z&to=2019-06-11T19:40:00Z")
    expect(chart.locator("#series-truth")).to_contain_text("600 samples")
    with chart.expect_download() as download:
        chart.click("[data-format=csv]")
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 601
    assert lines[1].startswith("1560281400000,")


def test_an_empty_stretch_says_so(chart: Page) -> None:
    chart.goto(f"{chart.url}?from=2020-01-01&to=2020-01-02")
    expect(chart.locator("#series-truth")).to_contain_text("No samples from 2020-01-01")
