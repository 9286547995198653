"""The times of a stored block, decoded without the code that wrote them."""

from __future__ import annotations

from ingest.models import SampleBlock


def offsets_of(block: SampleBlock) -> list[int]:
    """Return milliseconds from the start of the block's hour to each sample."""
    if block.encoding == 1:
        return list(block.offsets_ms)
    assert block.encoding == 2
    first, step = block.offsets_ms
    return [first + step * number for number in range(block.sample_count)]
