"""A real browser, signed in, for the tests of what analysts see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.stack import Stack

AXE = (Path(__file__).parent.parent / "vendor/axe-core/axe.min.js").read_text()
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 800}},
}
MAX_BYTES = 200_000
# As they came over the line, compressed; what the browser had already counts too.
_BYTES = """() => ["navigation", "resource"]
    .flatMap((type) => performance.getEntriesByType(type))
    .reduce((sum, each) => sum + each.encodedBodySize, 0)"""


def faults(page: Page) -> list[str]:
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


def weight(page: Page) -> int:
    """Return the bytes of the page and of all that it loaded."""
    return int(page.evaluate(_BYTES))


def width(page: Page) -> int:
    """Return how wide the page is, which is more than the screen where it is cut off."""
    return int(page.evaluate("document.documentElement.scrollWidth"))


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
