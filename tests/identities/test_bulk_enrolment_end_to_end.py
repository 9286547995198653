"""Bulk enrolment through nginx and both services, up to registered devices."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.identities.admin_pages import filled_in, links
from tests.identities.enrolment_steps import ADD, cards
from tests.security.users import Browser, text_of
from tests.support.devices import Device
from tests.support.stack import Stack

ROWS = "identity,note\n" + "".join(f"beds-of-ward-{n},strap {n}\n" for n in range(3))


@pytest.fixture
def staff(stack: Stack) -> Browser:
    browser = Browser(stack)
    assert browser.log_in(stack.superuser_name, stack.superuser_password).status_code == 302
    return browser


@pytest.mark.usefixtures("live_db")
def test_devices_register_with_the_cards_and_progress_shows_it(
    staff: Browser, make_device: Callable[..., Device]
) -> None:
    preview = staff.post(ADD, {"rows": ROWS, "create": "on", "name": "Beds"})
    sheet = staff.send(ADD, filled_in(preview.text) | {"confirm": "yes"})
    assert "no-store" in sheet.headers["Cache-Control"]
    shown = cards(sheet.text)
    assert len(shown) == 3
    for name, key in shown[:2]:
        assert make_device().register(key).json()["identity"] == name
    progress = next(one for one in links(sheet.text) if "/enrolment/" in one and "change" in one)
    assert "2 of 3 registered" in " ".join(text_of(staff.get(progress).text).split())

    reissue = progress.replace("change", "reissue")
    again = staff.send(reissue, filled_in(staff.get(reissue).text))
    ((name, key),) = cards(again.text)
    late = make_device()
    assert late.register(shown[2][1]).status_code == 400, "the old card is worth nothing"
    assert late.register(key).json()["identity"] == name == shown[2][0]
    assert "3 of 3 registered" in " ".join(text_of(staff.get(progress).text).split())


def incompressible(seed: int) -> str:
    """Return 160 characters of three bytes each."""
    draw = Random(seed)  # noqa: S311 - no secret
    return "".join(chr(0x4E00 + draw.randrange(20_000)) for _ in range(160))


@pytest.mark.usefixtures("live_db")
def test_the_longest_list_passes_nginx_twice(staff: Browser) -> None:
    # Text that does not compress: the signed rows are the larger of the two requests.
    rows = [f"beds-{n:03},{incompressible(n)}" for n in range(500)]
    preview = staff.post(ADD, {"rows": "identity,note\n" + "\n".join(rows), "create": "on"})
    assert "500 keys" in preview.text
    answer = staff.send(ADD, filled_in(preview.text) | {"edit": "yes"})
    assert answer.status_code == 200
    assert "beds-499" in answer.text
