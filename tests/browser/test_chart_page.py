"""The chart page with two real files: statistics, time zones, comparison, code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from identities.models import Identity
from ingest.models import SampleBlock
from tests.analysis.queries.factories import make_series
from tests.browser import chart_page
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

DATA = Path(__file__).parent.parent / "data"
IDENTITY = "a-day-of-an-analyst"


@pytest.fixture
def recordings(live_db: None) -> Iterator[Identity]:
    """Heart rates (4,998) and interbeat intervals of one wearer."""
    identity = Identity.objects.create(name=IDENTITY)
    for name in ("hr", "ibi"):
        lines = (DATA / f"{name}_measurement_2019_06_11").read_text().split()
        pairs = (line.split(",") for line in lines)
        make_series(identity, name, {int(time): float(value) for time, value in pairs})
    yield identity
    SampleBlock.objects.filter(identity=identity).delete()
    identity.delete()
    connection.close()


@pytest.fixture
def page(stack: Stack, recordings: Identity, chromium: Browser) -> Iterator[Page]:
    """The page of the heart rates."""
    with chart_page.signed_in(chromium, stack) as page:
        page.goto(f"{stack.staff_url}/admin/analysis/series/{IDENTITY}/hr/")
        expect(page.locator("#series-statistics td")).to_have_count(11)
        yield page


def test_statistics_and_sizes_are_shown_before_a_download(page: Page) -> None:
    numbers = page.locator("#series-statistics")
    expect(numbers).to_contain_text("4,998")
    expect(numbers).to_contain_text("100.0 %")
    expect(numbers).to_contain_text("none over 5 s")
    expect(page.locator("#series-size")).to_have_text("4,998 samples")
    expect(page.locator("[data-format=csv]")).to_contain_text("KB")


def test_times_are_in_the_chosen_zone(page: Page) -> None:
    page.select_option("#series-zone", "Asia/Tokyo")
    expect(page.locator("#series-from")).to_have_value("2019-06-12 04:03:55")
    expect(page.locator("#series-caption")).to_contain_text("Asia/Tokyo")
    assert "tz=Asia/Tokyo" in page.url
    page.fill("#series-from", "2019-06-12 04:30")
    page.fill("#series-to", "2019-06-12 04:31")
    page.click("#series-form button")
    expect(page.locator("#series-description")).to_contain_text(
        "60 samples, all drawn individually"
    )
    assert "from=2019-06-11T19:30:00Z" in page.url


def test_series_are_compared_by_time_or_first_sample(page: Page) -> None:
    page.fill("input[name=series]:not([type=hidden])", f"{IDENTITY}/ibi")
    page.click("text=Compare >> nth=-1")
    page.wait_for_url("**/compare/**")
    expect(page.locator("#series-statistics td")).to_have_count(22)
    expect(page.locator("#series-chart canvas")).to_have_count(1)
    page.select_option("#series-layout", "rows")
    expect(page.locator("#series-chart canvas")).to_have_count(2)
    page.select_option("#series-align", "start")
    expect(page.locator("#series-from")).to_have_value("00:00:00")
    assert "align=start" in page.url
    page.reload()
    expect(page.locator("#series-align")).to_have_value("start")
    expect(page.locator("#series-chart canvas")).to_have_count(2)


def test_new_samples_appear_without_reloading(page: Page, recordings: Identity) -> None:
    make_series(recordings, "hr", {1_560_284_833_000 + 1000 * n: 70 for n in range(10)})
    expect(page.locator("#series-statistics")).to_contain_text("5,008", timeout=20_000)


def code(page: Page, language: str) -> str:
    if page.locator("details[open]").count() == 0:
        page.click("text=Code that fetches this range")
    page.click(f"[data-language={language}]")
    return page.locator("#series-snippet").inner_text()


def test_the_code_snippets_run(page: Page, stack: Stack, tmp_path: Path) -> None:
    issued = stack.manage("issue_token", stack.superuser_name, "--json")
    token = json.loads(issued.stdout)["token"]
    ca = str(stack.ca_file)
    environment = {
        "PATH": os.environ["PATH"],
        "DEVICE_ENDPOINT_TOKEN": token,
        "REQUESTS_CA_BUNDLE": ca,
        "CURL_CA_BUNDLE": ca,
    }
    shell = ["bash", "-e", "-c", code(page, "curl")]
    subprocess.run(shell, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert len((tmp_path / "samples.csv").read_text().splitlines()) == 4_999
    python = [sys.executable, "-c", code(page, "pandas")]
    run = subprocess.run(
        python, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert "4998.0" in run.stdout
