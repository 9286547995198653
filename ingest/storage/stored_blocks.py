"""The columns of ``ingest_sampleblock`` that hold a block's samples, and their decoding. Pure."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ingest.storage import timestamp_encoding, value_differences, value_encoding
from ingest.storage.blocks import HOUR_MS, Block

# In the order of ``StoredBlock``. Of times and values one column each holds them, the others are
# NULL; beside ``differences``, ``integers`` holds their divisor and jumps.
COLUMNS = (
    "b.hour, b.first_ms, b.sample_count, b.minimum, b.encoding, b.offsets, b.time_steps, b.scale, "
    'b."values", b.integers, b.small_integers, b.differences'
)


class StoredValues(NamedTuple):
    """The stored form of a block's values: see ``value_encoding`` and ``value_differences``."""

    scale: int | None
    values: NDArray[np.float64] | None = None
    integers: NDArray[np.integer] | None = None
    small_integers: NDArray[np.integer] | None = None
    differences: bytes | None = None


class StoredBlock(NamedTuple):
    """A block as stored; an array is None where it is NULL, empty or holds a NULL."""

    hour: int
    first_ms: int
    sample_count: int
    minimum: float
    encoding: int
    offsets: NDArray[np.integer] | None
    time_steps: NDArray[np.integer] | None
    scale: int | None
    values: NDArray[np.float64] | None
    integers: NDArray[np.integer] | None
    small_integers: NDArray[np.integer] | None
    differences: bytes | None

    def decode(self) -> Block:
        """Return the block. Raises ``ValueError`` with the fault if the columns hold none."""
        times = self.offsets if self.offsets is not None else self.time_steps
        values = self._decode_values()
        if times is None or values is None:
            raise ValueError("has no samples")
        first_ms = self.first_ms - self.hour * HOUR_MS
        offsets = timestamp_encoding.unpack(self.encoding, times, len(values), first_ms)
        if len(offsets) != len(values):
            raise ValueError("has different numbers of times and values")
        return Block(self.hour, offsets, values)

    def _decode_values(self) -> NDArray[np.float64] | None:
        if self.differences is not None:
            integers = self.integers if self.integers is not None else np.empty(0, np.int32)
            numbers = value_differences.unpack(self.differences, integers)
            return value_encoding.divide(self.scale, numbers, self.minimum)
        for stored in (self.small_integers, self.values, self.integers):
            if stored is not None:
                return value_encoding.unpack(self.scale, stored, self.minimum)
        return None


def encode_values(values: NDArray[np.float64], *, smallest: bool = False) -> StoredValues:
    """Return the stored form of a block's values that an upload can afford, or the smallest."""
    scale, stored = value_encoding.pack(values)
    if scale is None:
        return StoredValues(None, values=values)
    integers = cast("NDArray[np.integer]", stored)
    if smallest and (packed := value_differences.pack(value_encoding.from_minimum(integers))):
        differences, divisor_and_jumps = packed
        return StoredValues(scale, integers=divisor_and_jumps, differences=differences)
    if integers.dtype == np.int16:
        return StoredValues(scale, small_integers=integers)
    return StoredValues(scale, integers=integers)


def encode(block: Block, *, smallest: bool = False) -> StoredBlock:
    """Return the stored form of ``block`` that an upload can afford, or the smallest."""
    encoding, times = timestamp_encoding.pack(block.offsets_us)
    is_short = times.dtype == np.int16
    return StoredBlock(
        block.hour,
        block.first_ms,
        len(block.values),
        block.minimum,
        encoding,
        None if is_short else times,
        times if is_short else None,
        *encode_values(block.values, smallest=smallest),
    )
