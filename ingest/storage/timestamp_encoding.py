"""How a block keeps its times. Pure: numpy arrays in, numpy arrays out.

Devices mostly measure at a fixed interval, and offsets that grow steadily are what general
compressors find nothing in: a third of all that a sample costs. So evenly spaced ones are kept as
the first offset and the step between them (``EVEN``): by uploads of many blocks, and by
``compact``. The one statement that stores an ordinary file leaves each offset (``EACH``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EACH, EVEN = 1, 2
MIN_EVEN = 3  # two numbers are no shorter than two offsets


def pack(offsets_ms: NDArray[np.int32]) -> tuple[int, NDArray[np.int32]]:
    """Return encoding and stored form of ascending offsets, the shorter one."""
    if len(offsets_ms) >= MIN_EVEN:
        steps = np.diff(offsets_ms)
        if (steps == steps[0]).all():
            return EVEN, np.array([offsets_ms[0], steps[0]], dtype=np.int32)
    return EACH, offsets_ms


def unpack(encoding: int, stored: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Return the offsets of a block of ``count`` samples from their stored form.

    Raises ``ValueError`` when the form is none of this encoding.
    """
    if encoding == EACH:
        return stored
    if encoding == EVEN and len(stored) == 2:
        offsets: NDArray[np.int32] = stored[0] + stored[1] * np.arange(count, dtype=np.int32)
        return offsets
    raise ValueError(f"encoding {encoding} with {len(stored)} numbers for times")
