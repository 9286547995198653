"""Encode the times of a block. Pure: numpy arrays in, numpy arrays out.

Devices mostly measure at a fixed interval, and general compressors find nothing in steadily growing
offsets, which take a third of a sample's bytes. So evenly spaced offsets are stored as the first
one and the step (``EVEN``), by uploads of many blocks and by ``compact``. The single statement that
stores an ordinary file stores each offset (``EACH``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EACH, EVEN = 1, 2
MIN_EVEN = 3  # two numbers are not shorter than two offsets


def pack(offsets_ms: NDArray[np.int32]) -> tuple[int, NDArray[np.int32]]:
    """Return the encoding with the shortest form of ascending offsets, and that form."""
    if len(offsets_ms) >= MIN_EVEN:
        steps = np.diff(offsets_ms)
        if (steps == steps[0]).all():
            return EVEN, np.array([offsets_ms[0], steps[0]], dtype=np.int32)
    return EACH, offsets_ms


def unpack(encoding: int, stored: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Return the offsets of a block of ``count`` samples from their stored form.

    Raises ``ValueError`` if the form does not match the encoding.
    """
    if encoding == EACH:
        return stored
    if encoding == EVEN and len(stored) == 2:
        offsets: NDArray[np.int32] = stored[0] + stored[1] * np.arange(count, dtype=np.int32)
        return offsets
    raise ValueError(f"encoding {encoding} with {len(stored)} numbers for times")
