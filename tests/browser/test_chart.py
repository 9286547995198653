"""The chart page in a browser, behind nginx with its Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from identities.models import Identity
from ingest.models import SampleBlock
from tests.analysis.queries.factories import make_series
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

DATA = Path(__file__).parent.parent / "data"
IDENTITY = "chart-in-a-browser"


@pytest.fixture
def recording(live_db: None) -> Iterator[None]:
    """A real file of 4,998 heart rates, from 19:03:55 to 20:27:12."""
    lines = (DATA / "hr_measurement_2019_06_11").read_text().split()
    samples = {int(time): float(value) for time, value in (line.split(",") for line in lines)}
    identity = Identity.objects.create(name=IDENTITY)
    make_series(identity, "hr", samples)
    yield
    SampleBlock.objects.filter(identity=identity).delete()
    identity.delete()
    connection.close()  # opened in Playwright's event loop, where nothing else would close it


@pytest.fixture
def chart(stack: Stack, recording: None, chromium: Browser) -> Iterator[Page]:
    """The page of the series, signed in; any error on it fails the test."""
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
    """Drag over the chart, from one fraction of its width to another."""
    box = page.locator("#series-chart .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + 60, steps=5)
    page.mouse.up()


def test_the_chart_is_described_and_the_table_has_its_rows(chart: Page) -> None:
    expect(chart.locator("#series-description")).to_contain_text(
        "4,998 samples shown as 501 buckets"
    )
    expect(chart.locator("#series-chart canvas")).to_be_visible()
    expect(chart.locator("#series-rows tr")).to_have_count(501)
    expect(chart.locator("#series-rows tr").first).to_contain_text("2019-06-11 19:03:50")


def test_dragging_zooms_in_and_the_back_button_out(chart: Page) -> None:
    truth = chart.locator("#series-description")
    expect(truth).to_contain_text("buckets of 10 s")
    select(chart, 0.4, 0.5)
    expect(truth).to_contain_text("samples, all drawn individually")
    assert "from=2019-06-11T19:3" in chart.url
    chart.go_back()
    expect(truth).to_contain_text("4,998 samples")


def test_the_url_restores_the_page(chart: Page) -> None:
    chart.goto(f"{chart.url}?from=2019-06-11T19:30:00Z&to=2019-06-11T19:40:00Z")
    expect(chart.locator("#series-description")).to_contain_text(
        "600 samples, all drawn individually"
    )
    expect(chart.locator("#series-from")).to_have_value("2019-06-11 19:30:00")
    chart.reload()
    expect(chart.locator("#series-description")).to_contain_text(
        "600 samples, all drawn individually"
    )


def test_a_range_can_be_typed_and_a_preset_chosen(chart: Page) -> None:
    chart.fill("#series-from", "2019-06-11 19:30")
    chart.fill("#series-to", "2019-06-11 19:31")
    chart.click("#series-form button")
    expect(chart.locator("#series-description")).to_contain_text("60 samples")
    chart.click("[data-preset='1h']")
    expect(chart.locator("#series-description")).to_contain_text("3,600 samples")
    assert chart.url.endswith("?range=1h")


def test_the_keyboard_reads_values_and_zooms(chart: Page) -> None:
    expect(chart.locator("#series-description")).to_contain_text("4,998 samples")
    chart.focus("#series-chart")
    chart.keyboard.press("ArrowRight")
    expect(chart.locator("#series-point")).to_contain_text(
        "2019-06-11 19:03:50 UTC, 10 s: mean 94.52"
    )
    chart.keyboard.press("+")
    expect(chart.locator("#series-description")).to_contain_text("buckets of 5 s")
    chart.keyboard.press("Shift+ArrowRight")
    expect(chart.locator("#series-from")).to_have_value("2019-06-11 19:45:33")
    chart.keyboard.press("0")
    expect(chart.locator("#series-description")).to_contain_text("4,998 samples")


def test_the_download_holds_the_range_shown(chart: Page, tmp_path: Path) -> None:
    chart.goto(f"{chart.url}?from=2019-06-11T19:30:00Z&to=2019-06-11T19:40:00Z")
    expect(chart.locator("#series-description")).to_contain_text("600 samples")
    with chart.expect_download() as download:
        chart.click("[data-format=csv]")
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 601
    assert lines[1].startswith("1560281400000,")


def test_an_empty_range_is_described(chart: Page) -> None:
    chart.goto(f"{chart.url}?from=2020-01-01&to=2020-01-02")
    expect(chart.locator("#series-description")).to_contain_text("No samples from 2020-01-01")
