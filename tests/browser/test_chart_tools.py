"""Tools of the chart page: suggestions, events, images, print, keyboard, wide screens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from analysis.models import Annotation
from identities.models import Identity
from ingest.models import SampleBlock
from tests.analysis.queries.factories import make_series
from tests.browser import chart_page
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

IDENTITY = "tools-of-a-chart"
START = 1_700_006_400_000


@pytest.fixture
def wearer(live_db: None) -> Iterator[Identity]:
    """Two series, each with a gap, and a note."""
    identity = Identity.objects.create(name=IDENTITY)
    make_series(identity, "hr", {START + 1000 * n: 60 + n % 7 for n in range(900) if n % 400 < 300})
    make_series(identity, "temp", {START + 2000 * n: 36 + n % 3 for n in range(450) if n > 100})
    Annotation.objects.create(
        identity=identity,
        starts_at=datetime.fromtimestamp(START / 1000 + 200, UTC),
        text="sensor moved",
        created_by="ada",
    )
    yield identity
    Annotation.objects.filter(identity=identity).delete()
    SampleBlock.objects.filter(identity=identity).delete()
    identity.delete()
    connection.close()


def open_chart(page: Page, stack: Stack, path: str = f"{IDENTITY}/hr/") -> None:
    page.goto(f"{stack.staff_url}/admin/analysis/series/{path}")
    page.wait_for_load_state("networkidle")


def test_series_are_suggested_and_compared(
    stack: Stack, chromium: Browser, wearer: Identity
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_chart(page, stack)
        page.fill("#series-compare", "tools-of-a-chart/t")
        expect(page.locator("#series-suggestions option")).to_have_count(1)
        page.fill("#series-compare", "nobody/hr")
        page.press("#series-compare", "Enter")
        expect(page.locator("#series-compare-error")).to_contain_text("no such series")
        page.fill("#series-compare", f"{IDENTITY}/temp")
        page.press("#series-compare", "Enter")
        expect(page.locator("#series-legend")).to_contain_text("in the colour of the series")


def test_a_gap_is_no_shorter_than_what_breaks_the_line(
    stack: Stack, chromium: Browser, wearer: Identity
) -> None:
    missing = range(5000, 5040)  # of three hours, which are drawn as buckets
    times = [START + 1000 * n for n in range(3 * 3600) if n not in missing]
    make_series(wearer, "steady", dict.fromkeys(times, 60.0))
    with chart_page.signed_in(chromium, stack) as page:
        open_chart(page, stack, f"{IDENTITY}/steady/")
        text = page.locator("#series-description").inner_text()
        broken = re.search(
            r"where (.+) s or more have no sample: 1 gap, the longest about (.+) s", text
        )
        assert broken, text
        assert 0 < float(broken[1]) <= float(broken[2]) <= len(missing)
        numbers = page.locator("#series-statistics tr", has_text="Longest gap")
        expect(numbers).to_contain_text("41 s")


def test_a_note_stands_on_the_chart(stack: Stack, chromium: Browser, wearer: Identity) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_chart(page, stack)
        expect(page.locator("#series-events li")).to_contain_text(["sensor moved (ada)"])
        page.click("#series-annotate")
        expect(page.locator("#id_name")).to_have_value("hr")
        expect(page.locator("#id_starts_at_0")).to_have_value("2023-11-15")
        page.fill("#id_text", "washed")
        page.click("[name=_save]")
        expect(page.locator("#series-events li")).to_have_count(2)


def test_images_hold_title_lines_and_gaps(
    stack: Stack, chromium: Browser, wearer: Identity, tmp_path: Path
) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_chart(page, stack, f"compare/?series={IDENTITY}/hr&series={IDENTITY}/temp")
        for kind in ("png", "svg"):
            with page.expect_download() as download:
                page.click(f"[data-save={kind}]")
            file = tmp_path / download.value.suggested_filename
            assert file.name == f"{IDENTITY}_hr_{IDENTITY}_temp_2023-11-15_2023-11-15.{kind}"
            download.value.save_as(file)
        assert (tmp_path / file.name.replace("svg", "png")).read_bytes().startswith(b"\x89PNG")
        svg = file.read_text()
        assert svg.count('stroke-width="1.5"') >= 4  # lines between gaps
        assert f"{IDENTITY}/temp" in svg
        page.goto("about:blank")
        page.set_content(svg)
        assert page.locator("svg path").count() > 4
        assert "NaN" not in svg


def test_the_chart_is_a_few_keys_away(stack: Stack, chromium: Browser, wearer: Identity) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_chart(page, stack)
        for key in ("Tab", "Enter", "Tab", "Enter"):
            page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == "series-chart"


def test_the_chart_grows_and_fits_the_paper(
    stack: Stack, chromium: Browser, wearer: Identity
) -> None:
    wide = {"width": 2560, "height": 1440}
    with chart_page.signed_in(chromium, stack, viewport=wide, color_scheme="dark") as page:
        open_chart(page, stack)
        box = page.locator("#series-chart canvas").bounding_box()
        assert box is not None
        assert box["width"] > 2000
        assert box["height"] > 600
        page.set_viewport_size({"width": 700, "height": 1000})
        page.emulate_media(media="print")
        assert chart_page.measure_width(page) <= 700
        assert not page.locator("#content button:visible").count()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
