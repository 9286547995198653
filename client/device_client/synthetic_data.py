"""A plausible heart rate at any moment, for trying the system without a wearer.

Pure. The value is a function of the seed and the time alone: two recordings of one device
that overlap agree, and a recording continues where the one before ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

_MASK = (1 << 64) - 1
_HOUR_SECONDS = 3600.0
_SLOT_SECONDS = 2 * 3600  # at most one bout of exercise begins in each slot
LOWEST, HIGHEST = 38.0, 195.0


@lru_cache(maxsize=65_536)
def _chance(seed: int, salt: int, index: int) -> float:
    """Return a number in [0, 1) that depends on the arguments alone (the splitmix64 mixer)."""
    state = (seed * 0x9E3779B97F4A7C15 + salt * 0xBF58476D1CE4E5B9 + index) & _MASK
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((state ^ (state >> 31)) >> 11) / (1 << 53)


def _drift(seed: int, salt: int, at_s: float, step_s: float) -> float:
    """Return smooth noise in [-1, 1] that takes a new direction every ``step_s`` seconds."""
    index = math.floor(at_s / step_s)
    share = at_s / step_s - index
    weight = share * share * (3 - 2 * share)
    left, right = _chance(seed, salt, index), _chance(seed, salt, index + 1)
    return 2 * (left + (right - left) * weight) - 1


def _exercise(seed: int, at_s: float) -> float:
    """Return how many beats per minute exercise adds: it rises in a minute, falls in three."""
    added = 0.0
    current = math.floor(at_s / _SLOT_SECONDS)
    for slot in (current - 1, current):
        hour_of_day = (slot * _SLOT_SECONDS / _HOUR_SECONDS) % 24
        if not 6 <= hour_of_day <= 20 or _chance(seed, 10, slot) > 0.4:
            continue
        start = (slot + 0.5 * _chance(seed, 11, slot)) * _SLOT_SECONDS
        length = 600 + 2100 * _chance(seed, 12, slot)
        peak = 30 + 45 * _chance(seed, 13, slot)
        if at_s > start:
            rise = 1 - math.exp(-min(at_s - start, length) / 60)
            fall = math.exp(-max(at_s - start - length, 0.0) / 180)
            added += peak * rise * fall
    return added


def heart_rate(seed: int, at_ms: int) -> float:
    """Return the heart rate at ``at_ms`` (epoch milliseconds) in beats per minute, 0.1 steps."""
    at_s = at_ms / 1000
    resting = 58 + 16 * _chance(seed, 1, 0)
    day = -6 * math.cos(2 * math.pi * ((at_s / _HOUR_SECONDS) % 24 - 4) / 24)  # lowest at 4 o'clock
    mood = 6 * _drift(seed, 2, at_s, 600) + 3.5 * _drift(seed, 3, at_s, 60)
    breath = 2 * _drift(seed, 4, at_s, 7) + 0.8 * _drift(seed, 5, at_s, 1)
    value = resting + day + mood + breath + _exercise(seed, at_s)
    return round(min(max(value, LOWEST), HIGHEST), 1)


def recording(seed: int, end_ms: int, samples: int) -> bytes:
    """Return ``samples`` lines ``milliseconds,value``, one a second, the last at ``end_ms``."""
    return "".join(_lines(seed, end_ms, samples)).encode()


def _lines(seed: int, end_ms: int, samples: int) -> Iterator[str]:
    for at_ms in range(end_ms - (samples - 1) * 1000, end_ms + 1, 1000):
        yield f"{at_ms},{heart_rate(seed, at_ms)}\n"
