"""What all browser tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import chart_page


@pytest.fixture(autouse=True)
def event_loop_of_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Django use the database in this thread, which runs Playwright's event loop too."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A Chromium for the tests of a file."""
    with chart_page.chromium() as browser:
        yield browser
