"""The credential sheet: saved as CSV in the browser, printed ten cards to a page."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chart_page
from tests.identities.enrolment_steps import cards
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

NOTES = ["=1+1", 'a "b", c', *[""] * 9]
ROWS = "identity,note\n" + "".join(
    f'sheet-bed-{n},"{note.replace(chr(34), chr(34) * 2)}"\n' for n, note in enumerate(NOTES)
)


def open_sheet(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.staff_url}/admin/identities/enrolment/add/")
    page.fill("#id_rows", ROWS)
    page.click("input[value='Check the list']")
    page.click("input[name=confirm]")
    page.wait_for_selector(".cards")


def test_the_csv_holds_the_cards(stack: Stack, chromium: Browser, tmp_path: Path) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_sheet(page, stack)
        shown = cards(page.content())
        with page.expect_download() as saving:
            page.click("[data-save]")
        saving.value.save_as(tmp_path / "keys.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "keys.csv").read_text())))
    assert [(row["identity"], row["psk"]) for row in rows] == shown
    assert [row["note"] for row in rows] == ["'=1+1", *NOTES[1:]], "inert in a spreadsheet"
    assert {row["max_uses"] for row in rows} == {"1"}
    assert all(row["url"].endswith("/device_endpoint") for row in rows)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ten_cards_are_printed_on_a_page_in_black(
    stack: Stack, chromium: Browser, scheme: str
) -> None:
    with chart_page.signed_in(chromium, stack, color_scheme=scheme) as page:
        open_sheet(page, stack)
        assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 2
        page.emulate_media(media="print")
        color = "one => getComputedStyle(one).color"
        assert page.eval_on_selector(".secret", color) == "rgb(0, 0, 0)"
        assert page.eval_on_selector(".cut h2", color) == "rgb(0, 0, 0)"
        assert not page.is_visible("#header")
        assert not page.is_visible(".shown-once")


def test_leaving_an_unsaved_sheet_needs_confirmation(stack: Stack, chromium: Browser) -> None:
    with chart_page.signed_in(chromium, stack) as page:
        open_sheet(page, stack)
        dialogs: list[str] = []

        def stay(dialog: object) -> None:
            dialogs.append("dialog")
            dialog.accept()  # type: ignore[attr-defined]

        page.on("dialog", stay)
        page.click("summary")  # browsers confirm only after an interaction with the page
        page.goto(f"{stack.staff_url}/admin/")
        assert dialogs == ["dialog"]
        open_sheet(page, stack)
        page.click("[data-save]")
        page.goto(f"{stack.staff_url}/admin/")
        assert dialogs == ["dialog"]
