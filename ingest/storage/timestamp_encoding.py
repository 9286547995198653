"""The stored form of a block's times. Pure: numpy arrays in, numpy arrays out.

Devices mostly measure at a fixed interval, and steadily growing offsets are what general
compressors find nothing in: they cost a third of a sample. So evenly spaced times are stored as the
first offset and the step, other times as 16-bit differences where these suffice. Times are stored
in milliseconds unless one lies between two of them; offsets in microseconds count from the middle
of the hour, so that they fit 32 bits.

| encoding | numbers | type | unit |
|---|---|---|---|
| 1 ``EACH_MS`` | each offset from the start of the hour | 32 bits | ms |
| 2 ``EVEN_MS`` | first offset from the start of the hour, step | 32 bits | ms |
| 3 ``EACH_US`` | each offset from the middle of the hour | 32 bits | µs |
| 4 ``EVEN_US`` | first offset from the middle of the hour, step | 32 bits | µs |
| 5 ``STEPS_MS`` | each difference from the time before | 16 bits | ms |
| 6 ``STEPS_US`` | each difference from the time before | 16 bits | µs |

The first difference is that from the block's ``first_ms``.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from ingest.parsing.samples import FEW_SAMPLES, US_PER_MS

EACH_MS, EVEN_MS, EACH_US, EVEN_US, STEPS_MS, STEPS_US = ENCODINGS = 1, 2, 3, 4, 5, 6
MIN_EVEN = 3  # two numbers are no shorter than two differences
MIDDLE_US = 1_800_000_000
_MAX_STEP = 32_767
_SINGLE = np.zeros(1, dtype=np.int16)


def pack(offsets_us: NDArray[np.int64]) -> tuple[int, NDArray[np.integer]]:
    """Return encoding and stored form, the shortest one, of ascending offsets from an hour."""
    if len(offsets_us) == 1:  # as in tens of thousands of hours of one file
        rest = int(offsets_us[0]) % US_PER_MS
        return (STEPS_US, np.array([rest], dtype=np.int16)) if rest else (STEPS_MS, _SINGLE)
    if len(offsets_us) <= FEW_SAMPLES:
        return _pack_few(offsets_us.tolist())
    is_us = bool((offsets_us % US_PER_MS).any())
    offsets = offsets_us if is_us else offsets_us // US_PER_MS
    start = MIDDLE_US if is_us else 0
    steps = np.diff(offsets)
    if (steps == steps[0]).all():
        even = np.array([offsets[0] - start, steps[0]], dtype=np.int32)
        return EVEN_US if is_us else EVEN_MS, even
    if int(steps.max()) <= _MAX_STEP:
        stored = np.empty(len(offsets), dtype=np.int16)
        stored[0] = offsets[0] % US_PER_MS if is_us else 0
        stored[1:] = steps
        return STEPS_US if is_us else STEPS_MS, stored
    return EACH_US if is_us else EACH_MS, (offsets - start).astype(np.int32)


def _pack_few(offsets: list[int]) -> tuple[int, NDArray[np.integer]]:
    """Return what ``pack`` does for two offsets or more, in microseconds, without numpy."""
    is_us = any(offset % US_PER_MS for offset in offsets)
    if not is_us:
        offsets = [offset // US_PER_MS for offset in offsets]
    start = MIDDLE_US if is_us else 0
    steps = [later - earlier for earlier, later in itertools.pairwise(offsets)]
    low, high = min(steps), max(steps)
    if len(offsets) >= MIN_EVEN and low == high:
        even = np.array([offsets[0] - start, low], dtype=np.int32)
        return EVEN_US if is_us else EVEN_MS, even
    if high <= _MAX_STEP:
        rest = offsets[0] % US_PER_MS if is_us else 0
        return STEPS_US if is_us else STEPS_MS, np.array([rest, *steps], dtype=np.int16)
    each = np.array([offset - start for offset in offsets], dtype=np.int32)
    return EACH_US if is_us else EACH_MS, each


def unpack(
    encoding: int, stored: NDArray[np.integer], count: int, first_ms: int
) -> NDArray[np.int64]:
    """Return a block's ``count`` offsets, microseconds from its hour, from their stored form.

    ``first_ms`` is the first offset in milliseconds, rounded down. Raises ``ValueError`` if the
    form does not belong to the encoding.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"unknown encoding {encoding}")
    if (stored.dtype == np.int16) != (encoding in (STEPS_MS, STEPS_US)):
        raise ValueError(f"encoding {encoding} with {stored.dtype} times")
    offsets = stored.astype(np.int64)
    if encoding in (STEPS_MS, STEPS_US):
        offsets = np.cumsum(offsets)
        unit = US_PER_MS if encoding == STEPS_MS else 1
        return offsets * unit + first_ms * US_PER_MS
    if encoding in (EVEN_MS, EVEN_US):
        if len(stored) != 2:
            raise ValueError(f"encoding {encoding} with {len(stored)} numbers for times")
        offsets = offsets[0] + offsets[1] * np.arange(count, dtype=np.int64)
    return offsets + MIDDLE_US if encoding in (EACH_US, EVEN_US) else offsets * US_PER_MS
