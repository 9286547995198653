"""The chart page with a year of samples at 1 Hz: zoom, presets, gaps and downloads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect

from identities.models import Identity
from ingest.models import HourSummary, SampleBlock
from ingest.storage.hour_summaries import summarise_hour
from ingest.storage.summary_store import COLUMNS, write_summaries
from tests.browser import chart_page
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

IDENTITY = "a-year-of-an-analyst"
HOURS = 8760
LAST_HOUR = 490_000  # in November 2025
GAP_HOURS = range(LAST_HOUR - 30, LAST_HOUR - 25)  # five hours without samples
ODD_HOUR = LAST_HOUR - 100
# Evenly spaced blocks of an hour, as compaction leaves them; one of them has a value of 260.
YEAR = """
INSERT INTO ingest_sampleblock (id, identity_id, name, hour, first_ms, last_ms, sample_count,
    minimum, maximum, total, offsets, "values", encoding, compacted)
SELECT gen_random_uuid(), %(identity)s, 'hr', hour, hour * 3600000::bigint,
    hour * 3600000::bigint + 3599000, 3600, 60, CASE WHEN odd THEN 260 ELSE 80 END,
    CASE WHEN odd THEN sum + 260 - v[1] ELSE sum END, ARRAY[0, 1000],
    CASE WHEN odd THEN ARRAY[260]::float8[] || v[2:] ELSE v END, 2, true
FROM (SELECT array_agg(60.0::float8 + s %% 21) AS v, sum(60.0::float8 + s %% 21) AS sum
      FROM generate_series(0, 3599) s) AS hours,
    (SELECT hour, hour = %(odd)s AS odd FROM generate_series(%(first)s, %(last)s) hour) AS each
WHERE hour <> ALL (%(silent)s)
"""
# Every hour but the odd one has the summary of the last.
SUMMARIES = f"""
INSERT INTO ingest_hoursummary (identity_id, name, {COLUMNS})
SELECT s.identity_id, s.name, b.hour, {COLUMNS.removeprefix("hour, ")}
FROM ingest_hoursummary s
JOIN (SELECT hour FROM ingest_sampleblock WHERE identity_id = %(identity)s) AS b ON true
WHERE s.identity_id = %(identity)s AND s.hour = %(last)s
ON CONFLICT DO NOTHING
"""  # noqa: S608 - names of columns
COUNT = """
SELECT count(*), min(value), max(value)
FROM analytics.samples_between(%s, 'hr', to_timestamp(%s / 1000.0), to_timestamp(%s / 1000.0))
"""


@pytest.fixture
def year(live_db: None) -> Iterator[None]:
    """A year at 1 Hz, 31.5 million samples."""
    identity = Identity.objects.create(name=IDENTITY)
    with connection.cursor() as cursor:
        ends = {"first": LAST_HOUR - HOURS + 1, "last": LAST_HOUR}
        given: dict[str, Any] = {
            "identity": identity.pk,
            "odd": ODD_HOUR,
            "silent": list(GAP_HOURS),
        }
        cursor.execute(YEAR, ends | given)
        for hour in (LAST_HOUR, ODD_HOUR):
            values = (60.0 + np.arange(3600) % 21).astype(np.float64)
            values[0] = 260 if hour == ODD_HOUR else 60
            summary = summarise_hour(hour, np.arange(3600) * 1_000_000, values)
            write_summaries(identity.pk, "hr", [summary])
        cursor.execute(SUMMARIES, {"identity": identity.pk, "last": LAST_HOUR})
        cursor.execute("ANALYZE ingest_sampleblock, ingest_hoursummary")
    yield
    HourSummary.objects.filter(identity=identity).delete()
    SampleBlock.objects.filter(identity=identity).delete()
    identity.delete()
    connection.close()


@pytest.fixture
def page(stack: Stack, year: None, chromium: Browser) -> Iterator[Page]:
    with chart_page.signed_in(chromium, stack) as page:
        page.goto(f"{stack.staff_url}/admin/analysis/series/{IDENTITY}/hr/?range=all")
        yield page


def count_shown(page: Page) -> int:
    """Return the number of samples in the description, once the page has loaded."""
    expect(page.locator("#series-chart")).to_have_attribute("aria-busy", "false")
    found = re.match(r"([\d,]+) samples?", page.locator("#series-description").inner_text())
    assert found is not None
    return int(found[1].replace(",", ""))


def count(start: int, end: int) -> tuple[int, float, float]:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")  # of a month all samples are unnested
        cursor.execute(COUNT, [IDENTITY, start, end])
        row: tuple[int, float, float] = cursor.fetchone()
    return row


def test_the_year_is_described_correctly(page: Page) -> None:
    expect(page.locator("#series-description")).to_contain_text("buckets of 12 h")
    assert count_shown(page) == (HOURS - len(GAP_HOURS)) * 3600
    numbers = page.locator("#series-statistics")
    expect(numbers).to_contain_text("31,518,000")
    expect(numbers.locator("tr", has_text="Outside")).to_contain_text("1 (above)")
    expect(numbers.locator("tr", has_text="Longest gap")).to_contain_text("5 h")
    expect(numbers.locator("tr", has_text="Maximum")).to_contain_text("260")


@pytest.mark.parametrize(
    ("preset", "hours"), [("1h", 1), ("24h", 24), ("7d", 24 * 7), ("30d", 24 * 30)]
)
def test_each_preset_shows_the_count_of_the_database(page: Page, preset: str, hours: int) -> None:
    with page.expect_response("**/summary?*"):
        page.click(f"[data-preset='{preset}']")
    end = (LAST_HOUR + 1) * 3_600_000 - 999
    assert count_shown(page) == count(end - hours * 3_600_000, end)[0]


def test_zoom_from_year_to_second_and_download(page: Page, tmp_path: Path) -> None:
    assert count_shown(page) > 31_000_000
    page.focus("#series-chart")
    for _ in range(40):
        with page.expect_response("**/summary?*"):
            page.keyboard.press("+")
        if count_shown(page) <= 10:
            break
    expect(page.locator("#series-description")).to_contain_text("all drawn individually")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#series-point")).to_contain_text("UTC:")
    shown = count_shown(page)
    with page.expect_response("**/samples?*") as answer, page.expect_download() as download:
        page.click("[data-format=csv]")
    lines = Path(download.value.path()).read_text().splitlines()
    assert (lines[0], len(lines) - 1) == ("time_ms,value", shown)
    provenance = json.loads(answer.value.headers["x-provenance"])
    assert (provenance["identity"], provenance["unit"]) == (IDENTITY, "/min")
    times = [int(line.partition(",")[0]) for line in lines[1:]]
    assert count(times[0], times[-1] + 1)[0] == shown


def test_a_gap_is_drawn_as_a_gap(page: Page, stack: Stack) -> None:
    start, end = (GAP_HOURS.start - 2) * 3_600_000, (GAP_HOURS.stop + 2) * 3_600_000
    address = f"{stack.staff_url}/admin/analysis/series/{IDENTITY}/hr/?from={start}&to={end}"
    page.goto(address)
    expect(page.locator("#series-description")).to_contain_text("1 gap, the longest about 5 h")
    expect(page.locator("#series-legend")).to_contain_text("no data")
    assert count_shown(page) == count(start, end)[0] == 4 * 3600
