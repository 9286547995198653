"""The stored form of a block's times. Pure: numpy arrays in, numpy arrays out.

Devices mostly measure at a fixed interval, and steadily growing offsets are what general
compressors find nothing in: they cost a third of a sample. So evenly spaced times are stored as the
first offset and the step. Times are stored in milliseconds unless one lies between two of them;
microseconds count from the middle of the hour, so that they fit 32 bits.

| encoding | numbers | unit |
|---|---|---|
| 1 ``EACH_MS`` | each offset from the start of the hour | ms |
| 2 ``EVEN_MS`` | first offset from the start of the hour, step | ms |
| 3 ``EACH_US`` | each offset from the middle of the hour | µs |
| 4 ``EVEN_US`` | first offset from the middle of the hour, step | µs |
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.parsing.samples import US_PER_MS

EACH_MS, EVEN_MS, EACH_US, EVEN_US = ENCODINGS = 1, 2, 3, 4
MIN_EVEN = 3  # two numbers are no shorter than two offsets
MIDDLE_US = 1_800_000_000


def pack(offsets_us: NDArray[np.int64]) -> tuple[int, NDArray[np.int32]]:
    """Return encoding and stored form, the shortest one, of ascending offsets from an hour."""
    if (offsets_us % US_PER_MS).any():
        offsets, is_us = offsets_us - MIDDLE_US, True
    else:
        offsets, is_us = offsets_us // US_PER_MS, False
    if len(offsets) >= MIN_EVEN:
        steps = np.diff(offsets)
        if (steps == steps[0]).all():
            return EVEN_US if is_us else EVEN_MS, np.array([offsets[0], steps[0]], dtype=np.int32)
    return EACH_US if is_us else EACH_MS, offsets.astype(np.int32)


def unpack(encoding: int, stored: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Return a block's ``count`` offsets, microseconds from its hour, from their stored form.

    Raises ``ValueError`` if the form does not belong to the encoding.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"unknown encoding {encoding}")
    offsets = stored.astype(np.int64)
    if encoding in (EVEN_MS, EVEN_US):
        if len(stored) != 2:
            raise ValueError(f"encoding {encoding} with {len(stored)} numbers for times")
        offsets = offsets[0] + offsets[1] * np.arange(count, dtype=np.int64)
    return offsets + MIDDLE_US if encoding in (EACH_US, EVEN_US) else offsets * US_PER_MS
