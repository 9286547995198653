"""Several things at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


def at_once(acts: Sequence[Callable[[], _T]]) -> list[_T]:
    """Return what ``acts`` give, started together, each in a thread of its own."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], _T]) -> _T:
        barrier.wait(timeout=60)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
