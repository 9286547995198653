"""Files that cost a server the most that the published limits allow, at any scale.

A benchmark sends them at the limits; the tests send them at smaller ones and count the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FIRST_MS = 1_300_000_000_000 // HOUR_MS * HOUR_MS


def each_another_hour(count: int, offset_ms: int = 0, value: int = 5) -> bytes:
    """Return ``count`` lines, each in an hour of its own."""
    return b"".join(
        b"%d,%d\n" % (FIRST_MS + number * HOUR_MS + offset_ms, value) for number in range(count)
    )


def backwards(count: int) -> bytes:
    """Return the same with the newest first."""
    return b"\n".join(reversed(each_another_hour(count).splitlines()))


def shuffled(count: int) -> bytes:
    """Return the same in no order."""
    lines = each_another_hour(count).splitlines()
    return b"\n".join(lines[number] for number in np.random.default_rng(1).permutation(count))


def one_time(count: int) -> bytes:
    """Return ``count`` lines of one time with different values."""
    return b"".join(b"%d,%d.%d\n" % (FIRST_MS, number % 97, number) for number in range(count))


def far_apart(count: int) -> bytes:
    """Return two lines with the whole window between them."""
    return b"%d,1\n%d,2\n" % (FIRST_MS, FIRST_MS + count * HOUR_MS)


def between(count: int) -> bytes:
    """Return a line within each stored hour that meets no stored time."""
    return each_another_hour(count, offset_ms=500)


def changed(count: int) -> bytes:
    """Return a line for a stored time of each hour, with another value."""
    return each_another_hour(count, value=6)


def longest_numbers(count: int) -> bytes:
    """Return lines as long as the grammar allows."""
    value = b"-" + b"9" * 20 + b"." + b"9" * 20 + b"e-99"
    return b"".join(b"%d.123,%b\n" % (FIRST_MS + number * 1000, value) for number in range(count))


def most_columns(count: int) -> bytes:
    """Return lines of 63 columns that are nearly all empty."""
    return b"".join(
        b"%d,%b\n"
        % (FIRST_MS + number * 1000, b"," * (number % 63) + b"1" + b"," * (62 - number % 63))
        for number in range(count)
    )


def one_line_of_columns(time_ms: int, value: int) -> bytes:
    """Return a line of 63 columns; 100 files of it are as many series as a request can have."""
    return b"%d%b\n" % (time_ms, b",%d" % value * 63)


def never_readable(count: int) -> bytes:
    """Return lines that are errors, each of them."""
    return b"1e5e5,nan,\xff\n" * count


FILES: dict[str, Callable[[int], bytes]] = {
    each.__name__: each
    for each in (
        each_another_hour,
        backwards,
        shuffled,
        one_time,
        far_apart,
        between,
        changed,
        longest_numbers,
        most_columns,
        never_readable,
    )
}


def full_hours(hours: int, per_hour: int) -> Iterator[bytes]:
    """Yield files that fill ``hours`` with evenly spaced samples, a day each."""
    step = HOUR_MS // per_hour
    for start in range(0, hours, 24):
        times = range(start * HOUR_MS, min(start + 24, hours) * HOUR_MS, step)
        yield b"".join(b"%d,60.5\n" % (FIRST_MS + time) for time in times)
