"""The samples of a stored block, decoded without the code that wrote them."""

from __future__ import annotations

from itertools import accumulate

from ingest.models import SampleBlock

HOUR_MS = 3_600_000
HOUR_US = HOUR_MS * 1000


def offsets_of(block: SampleBlock) -> list[int]:
    """Return milliseconds from the start of the block's hour to each sample, rounded down."""
    return [offset // 1000 for offset in offsets_us_of(block)]


def offsets_us_of(block: SampleBlock) -> list[int]:
    """Return microseconds from the start of the block's hour to each sample."""
    if block.encoding in (5, 6):
        assert block.time_steps is not None
        unit = 1000 if block.encoding == 5 else 1
        first_us = (block.first_ms - block.hour * HOUR_MS) * 1000
        return [first_us + offset * unit for offset in accumulate(block.time_steps)]
    assert block.offsets is not None
    stored = list(block.offsets)
    if block.encoding in (2, 4):
        first, step = stored
        stored = [first + step * number for number in range(block.sample_count)]
    if block.encoding in (1, 2):
        return [offset * 1000 for offset in stored]
    assert block.encoding in (3, 4)
    return [HOUR_US // 2 + offset for offset in stored]


def values_of(block: SampleBlock) -> list[float]:
    """Return the values; one column holds them, or ``differences`` with ``integers``."""
    if block.differences is not None:
        assert block.values is None
        assert block.small_integers is None
        assert block.scale is not None
        assert block.integers is not None
        divisor, *rest = block.integers
        jumps = iter(rest)
        steps = [next(jumps) if byte == 255 else byte - 127 for byte in bytes(block.differences)]
        first = round(block.minimum * 10.0**block.scale)
        return [(first + n * divisor) / 10.0**block.scale for n in accumulate(steps)]
    arrays = [block.values, block.integers, block.small_integers]
    (stored,) = [array for array in arrays if array is not None]
    assert (block.scale is None) == (stored is block.values)
    if block.scale is None:
        return list(stored)
    power = 10.0**block.scale
    base = 0 if stored is block.integers else round(block.minimum * power) + 32768
    return [(base + number) / power for number in stored]


def plain_form(block: SampleBlock) -> dict[str, object]:
    """Return the block's columns with each offset and each double."""
    return {
        "encoding": 1,
        "offsets": offsets_of(block),
        "time_steps": None,
        "scale": None,
        "values": values_of(block),
        "integers": None,
        "small_integers": None,
        "differences": None,
    }
