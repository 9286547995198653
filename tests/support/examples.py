"""How much of a large test ``make test`` tries; ``make test-all`` tries all of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

# `make test-all` sets it.
IS_LONG_RUN = os.environ.get("LONG_TESTS") == "1"

T = TypeVar("T")


def bounded(count: int) -> int:
    """Return ``count`` in ``make test-all`` and a quarter of it elsewhere."""
    return count if IS_LONG_RUN else max(count // 4, 10)


def one_in(count: int, cases: Iterable[T], first: int = 0) -> list[T]:
    """Return all ``cases`` in ``make test-all``, elsewhere each ``count``-th from ``first`` on."""
    everything = list(cases)
    return everything if IS_LONG_RUN else everything[first % count :: count]
