"""Only who knows the proxy secret marks a request as this installation's own probe."""

from __future__ import annotations

import time

import pytest

from ingest import probe_mark
from ingest.probe_mark import VALID_SECONDS, is_own_probe, make_mark

SECRET = "s" * 40


def test_a_mark_is_accepted_by_who_has_the_secret() -> None:
    assert is_own_probe(make_mark(SECRET), SECRET)
    assert not is_own_probe(make_mark(SECRET), "another")


def test_an_old_mark_is_worth_nothing() -> None:
    at = int(time.time())
    assert is_own_probe(probe_mark._sign(at, SECRET), SECRET)
    assert not is_own_probe(probe_mark._sign(at - VALID_SECONDS - 5, SECRET), SECRET)


@pytest.mark.parametrize("mark", ["", "x", ".", "1", "1.", "9" * 5000, "１.x", "-1.x", "\xff"])
def test_anything_else_is_no_mark(mark: str) -> None:
    assert not is_own_probe(mark, SECRET)
