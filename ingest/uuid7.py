"""UUIDv7 keys (RFC 9562, section 5.7): PostgreSQL 15 cannot generate them."""

from __future__ import annotations

import os
import time
import uuid
from datetime import datetime


def uuid7() -> uuid.UUID:
    """Return a new UUIDv7: 48 bits of epoch milliseconds, then 74 random bits.

    Later keys sort later, so that new rows are next to each other at the end of an index.
    """
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10), "big")
    high = random_bits >> 68  # 12 bits
    low = random_bits & ((1 << 62) - 1)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def uuid7_floor(moment: datetime) -> uuid.UUID:
    """Return the smallest version 7 UUID of ``moment``: later rows have greater ones."""
    milliseconds = int(moment.timestamp() * 1000)
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (0b10 << 62))
