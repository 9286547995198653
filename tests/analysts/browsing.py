"""A real browser, signed in, for the tests of what analysts see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.stack import Stack


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without its calls home; patient, as other tests run beside it."""
    expect.set_options(timeout=30_000)
    quiet = ("quic", "background-networking", "component-update", "sync")
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{each}" for each in quiet)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield browser
        browser.close()


@contextmanager
def signed_in(browser: Browser, stack: Stack, **options: Any) -> Iterator[Page]:
    """A page of someone who may see everything; any fault of a page fails the test."""
    context = browser.new_context(ignore_https_errors=True, **options)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda line: wrong.append(f"{page.url}: {line.text}") if line.type == "error" else None,
    )
    page.goto(f"{stack.staff_url}/admin/login/")
    page.fill("#id_username", stack.superuser_name)
    page.fill("#id_password", stack.superuser_password)
    page.click("[type=submit]")
    page.wait_for_load_state()
    yield page
    context.close()
    assert wrong == []
