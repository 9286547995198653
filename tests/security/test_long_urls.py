"""An address that is long but served is answered as any other, also where the answer repeats it."""

from __future__ import annotations

import pytest

from tests.support.stack import Stack


@pytest.mark.parametrize("long", ["a" * 15_000, "%22" * 3_000], ids=["letters", "escapes"])
def test_a_redirect_to_the_login_repeats_a_long_address(stack: Stack, long: str) -> None:
    address = f"/admin/identities/identity/?q={long}"
    status, headers, _ = stack.get_staff(address)
    assert status == 302
    assert headers["Location"].startswith("/admin/login/?next=/admin/")
    assert len(headers["Location"]) >= 15_000
