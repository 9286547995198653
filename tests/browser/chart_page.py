"""A signed-in Chromium and page checks, for browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.stack import Stack

AXE = (Path(__file__).parent.parent / "vendor/axe-core/axe.min.js").read_text()
APPEARANCES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 800}},
}
MAX_BYTES = 200_000
# Compressed sizes as transferred; cached responses count too.
_BYTES = """() => ["navigation", "resource"]
    .flatMap((type) => performance.getEntriesByType(type))
    .reduce((sum, each) => sum + each.encodedBodySize, 0)"""


def find_violations(page: Page) -> list[str]:
    """Run axe-core in the page; return what it finds against WCAG 2 A and AA."""
    page.evaluate(f"() => {{ {AXE} }}")
    found = page.evaluate(
        "() => axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] })"
    )
    return [
        f"{each['id']}: {node['html'][:150]}"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]


def measure_bytes(page: Page) -> int:
    """Return the compressed bytes of the page and its resources."""
    return int(page.evaluate(_BYTES))


def measure_width(page: Page) -> int:
    """Return the page's width in pixels, more than the viewport's if it must be scrolled."""
    return int(page.evaluate("document.documentElement.scrollWidth"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium without telemetry; long timeouts allow for parallel tests."""
    expect.set_options(timeout=30_000)
    disabled = ("quic", "background-networking", "component-update", "sync")
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{each}" for each in disabled)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield browser
        browser.close()


@contextmanager
def signed_in(browser: Browser, stack: Stack, username: Any = "", **options: Any) -> Iterator[Page]:
    """Open a page as the superuser, or as a user with the same password.

    Any error on a page fails the test.
    """
    context = browser.new_context(ignore_https_errors=True, **options)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda line: errors.append(f"{page.url}: {line.text}") if line.type == "error" else None,
    )
    page.goto(f"{stack.staff_url}/admin/login/")
    page.fill("#id_username", username or stack.superuser_name)
    page.fill("#id_password", stack.superuser_password)
    page.click("[type=submit]")
    page.wait_for_load_state()
    yield page
    context.close()
    assert errors == []
