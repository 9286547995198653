"""How many random examples a property test takes."""

from __future__ import annotations

import os

# `make test-all` sets it.
IS_LONG_RUN = os.environ.get("LONG_TESTS") == "1"


def bounded(count: int) -> int:
    """Return ``count`` in ``make test-all`` and a quarter of it elsewhere."""
    return count if IS_LONG_RUN else max(count // 4, 10)
