"""A synthetic heart rate and acceleration, to try the system without a wearer. Pure.

A value depends on the seed and the time alone: overlapping files of one device agree, and each
file continues where the previous one ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

_MASK = (1 << 64) - 1
_HOUR_SECONDS = 3600.0
_SLOT_SECONDS = 2 * 3600  # at most one exercise starts in each slot
MIN_BPM, MAX_BPM = 38.0, 195.0
_SHARES = (1.0, 0.4, 0.2)  # of a step's swing, for each axis


@lru_cache(maxsize=65_536)
def _random_number(seed: int, salt: int, index: int) -> float:
    """Return a pseudo-random number in [0, 1), a function of the arguments (splitmix64)."""
    state = (seed * 0x9E3779B97F4A7C15 + salt * 0xBF58476D1CE4E5B9 + index) & _MASK
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((state ^ (state >> 31)) >> 11) / (1 << 53)


def _smooth_noise(seed: int, salt: int, at_seconds: float, step_seconds: float) -> float:
    """Return smooth noise in [-1, 1] with a new random value every ``step_seconds``."""
    index = math.floor(at_seconds / step_seconds)
    share = at_seconds / step_seconds - index
    weight = share * share * (3 - 2 * share)
    left, right = _random_number(seed, salt, index), _random_number(seed, salt, index + 1)
    return 2 * (left + (right - left) * weight) - 1


def _compute_exercise(seed: int, at_seconds: float) -> float:
    """Return the beats per minute that exercise adds: rises within a minute, decays in three."""
    added = 0.0
    current = math.floor(at_seconds / _SLOT_SECONDS)
    for slot in (current - 1, current):
        hour_of_day = (slot * _SLOT_SECONDS / _HOUR_SECONDS) % 24
        if not 6 <= hour_of_day <= 20 or _random_number(seed, 10, slot) > 0.4:
            continue
        start = (slot + 0.5 * _random_number(seed, 11, slot)) * _SLOT_SECONDS
        length = 600 + 2100 * _random_number(seed, 12, slot)
        peak = 30 + 45 * _random_number(seed, 13, slot)
        if at_seconds > start:
            rise = 1 - math.exp(-min(at_seconds - start, length) / 60)
            fall = math.exp(-max(at_seconds - start - length, 0.0) / 180)
            added += peak * rise * fall
    return added


def compute_heart_rate(seed: int, at_ms: int) -> float:
    """Return the heart rate at ``at_ms`` (epoch milliseconds) in beats per minute, to 0.1."""
    at_seconds = at_ms / 1000
    resting = 58 + 16 * _random_number(seed, 1, 0)
    hour = (at_seconds / _HOUR_SECONDS) % 24
    day = -6 * math.cos(2 * math.pi * (hour - 4) / 24)  # lowest at 4:00
    slow = 6 * _smooth_noise(seed, 2, at_seconds, 600)
    slow += 3.5 * _smooth_noise(seed, 3, at_seconds, 60)
    fast = 2 * _smooth_noise(seed, 4, at_seconds, 7) + 0.8 * _smooth_noise(seed, 5, at_seconds, 1)
    value = resting + day + slow + fast + _compute_exercise(seed, at_seconds)
    return round(min(max(value, MIN_BPM), MAX_BPM), 1)


def make_file(seed: int, end_ms: int, samples: int) -> bytes:
    """Return a file of ``samples`` lines ``milliseconds,value``, one a second up to ``end_ms``."""
    return "".join(_make_lines(seed, end_ms, samples)).encode()


def _make_lines(seed: int, end_ms: int, samples: int) -> Iterator[str]:
    for at_ms in range(end_ms - (samples - 1) * 1000, end_ms + 1, 1000):
        yield f"{at_ms},{compute_heart_rate(seed, at_ms)}\n"


def make_acceleration_file(seed: int, end_ms: int, seconds: int, rate_hz: int) -> bytes:
    """Return a file ``time_ms,x,y,z`` in g of the ``seconds`` up to ``end_ms``, a whole second."""
    lines = ["time_ms,x,y,z\n"]
    for at_ms in range(end_ms - seconds * 1000, end_ms, 1000):
        lines += _make_acceleration_lines(seed, at_ms, rate_hz)
    return "".join(lines).encode()


def _make_acceleration_lines(seed: int, start_ms: int, rate_hz: int) -> Iterator[str]:
    """Yield the lines of the second after ``start_ms``: gravity, steps and noise."""
    at_seconds = start_ms / 1000
    pitch = 0.6 * _smooth_noise(seed, 20, at_seconds, 120)
    roll = 0.6 * _smooth_noise(seed, 21, at_seconds, 120)
    steps = max(0.0, _smooth_noise(seed, 22, at_seconds, 60)) * 0.3
    gravity = (-math.sin(pitch), math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch))
    for number in range(1, rate_hz + 1):
        swing = steps * math.sin(4 * math.pi * number / rate_hz)  # two steps a second
        noise = _random_number(seed, 23, start_ms * rate_hz + number) - 0.5
        x, y, z = (
            axis + swing * part + 0.01 * noise for axis, part in zip(gravity, _SHARES, strict=True)
        )
        milliseconds, microseconds = divmod(round(number * 1_000_000 / rate_hz), 1000)
        fraction = f".{microseconds:03d}" if microseconds else ""
        yield f"{start_ms + milliseconds}{fraction},{x:.3f},{y:.3f},{z:.3f}\n"
