"""What all browser tests share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def event_loop_of_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Django use the database in this thread, which runs Playwright's event loop too."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
