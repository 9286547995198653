"""The times of a stored block, decoded without the code that wrote them."""

from __future__ import annotations

from ingest.models import SampleBlock

US_PER_HOUR = 3_600_000_000


def offsets_of(block: SampleBlock) -> list[int]:
    """Return milliseconds from the start of the block's hour to each sample, rounded down."""
    return [offset // 1000 for offset in offsets_us_of(block)]


def offsets_us_of(block: SampleBlock) -> list[int]:
    """Return microseconds from the start of the block's hour to each sample."""
    stored = list(block.offsets)
    if block.encoding in (2, 4):
        first, step = stored
        stored = [first + step * number for number in range(block.sample_count)]
    if block.encoding in (1, 2):
        return [offset * 1000 for offset in stored]
    assert block.encoding in (3, 4)
    return [US_PER_HOUR // 2 + offset for offset in stored]
