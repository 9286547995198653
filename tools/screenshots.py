"""``make screenshots``: take the pictures of the README from the demo.

It starts ``up --demo`` in a temporary folder, takes the pictures with Chromium and stops it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from device_endpoint.env import PROJECT_DIR
from tests.browser import chart_page
from tests.support.devices import Device
from tests.support.stack import Stack

FOLDER = PROJECT_DIR / "docs" / "images"
VIEWPORT = {"width": 1000, "height": 620}
MAX_BYTES = 150_000


def send_broken_file(stack: Stack, folder: Path) -> None:
    """Send a file that is rejected, so that something needs attention."""
    device = Device(stack.device_url, stack.ca_file, folder / "device")
    try:
        device.register(stack.issue_psk("ward3-07"))
        device.upload(("hr", "hr.csv", b"1560279642324;78.5\n"))
    finally:
        device.close()


def take_key_card(page: Page, staff_url: str) -> bytes:
    """Issue a key and return the picture of its card; it ends with the installation."""
    page.goto(f"{staff_url}/admin/identities/presharedkey/add/")
    page.select_option("#id_identity", label="demo-2")
    page.click("[name=_save]")
    expect(page.locator("#registration-status")).to_contain_text("Waiting for the device.")
    return page.locator("section.card").screenshot()


def take_status_home(page: Page, staff_url: str) -> bytes:
    """Return the picture of the status home."""
    page.goto(f"{staff_url}/admin/")
    return page.locator(".status-home").screenshot()


def take_chart(page: Page, staff_url: str) -> bytes:
    """Return the picture of a chart with three axes."""
    page.goto(f"{staff_url}/admin/analysis/series/demo-1/acc/")
    expect(page.locator("#series-chart")).to_have_attribute("aria-busy", "false")
    page.wait_for_timeout(500)  # the last frame of the drawing
    return page.locator("#series-chart").screenshot()


PICTURES = {
    "key-card": take_key_card,
    "status-home": take_status_home,
    "three-axes": take_chart,
}


def main() -> int:
    """Write the pictures; return 1 if one is too large for the README."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        stack = Stack(Path(folder), {})
        stack.start("--demo")
        try:
            send_broken_file(stack, Path(folder))
            with (
                chart_page.chromium() as browser,
                chart_page.signed_in(browser, stack, viewport=VIEWPORT) as page,
            ):
                sizes = {}
                for name, take in PICTURES.items():
                    picture = take(page, stack.staff_url)
                    (FOLDER / f"{name}.png").write_bytes(picture)
                    sizes[name] = len(picture)
        finally:
            stack.stop()
    for name, size in sizes.items():
        print(f"docs/images/{name}.png: {size:,} bytes")  # noqa: T201 - a command
    return int(max(sizes.values()) > MAX_BYTES)


if __name__ == "__main__":
    sys.exit(main())
