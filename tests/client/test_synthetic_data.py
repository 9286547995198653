"""The made-up heart rate is plausible, and the same for everybody who asks twice."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from statistics import mean, pstdev

import pytest

from device_client.synthetic_data import (
    HIGHEST,
    LOWEST,
    heart_rate,
    recording,
)

NOON_MS = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
DAY_SECONDS = 86_400


def _values(seed: int, start_ms: int, seconds: int, step_s: int = 1) -> list[float]:
    return [heart_rate(seed, start_ms + s * 1000) for s in range(0, seconds, step_s)]


def test_the_same_seed_and_time_give_the_same_value() -> None:
    assert recording(7, NOON_MS, 600) == recording(7, NOON_MS, 600)


def test_recordings_that_overlap_agree() -> None:
    long, short = recording(7, NOON_MS, 600), recording(7, NOON_MS - 100_000, 200)
    assert short in long


def test_devices_differ() -> None:
    assert recording(7, NOON_MS, 60) != recording(8, NOON_MS, 60)


def test_a_recording_holds_one_sample_a_second_and_ends_when_told() -> None:
    lines = recording(7, NOON_MS, 3600).decode().splitlines()
    times = [int(line.partition(",")[0]) for line in lines]
    assert times == list(range(NOON_MS - 3_599_000, NOON_MS + 1, 1000))


@pytest.mark.parametrize("seed", range(5))
def test_values_are_those_of_a_living_heart(seed: int) -> None:
    values = _values(seed, NOON_MS, 3 * DAY_SECONDS, step_s=20)
    assert LOWEST <= min(values) < 75
    assert 90 < max(values) <= HIGHEST
    assert 50 < mean(values) < 100


@pytest.mark.parametrize("seed", range(5))
def test_values_vary_but_never_jump(seed: int) -> None:
    values = _values(seed, NOON_MS, 3600)
    steps = [abs(after - before) for before, after in pairwise(values)]
    assert pstdev(values) > 1
    assert max(steps) < 8


def test_nights_are_calmer_than_days() -> None:
    night = [heart_rate(3, NOON_MS + 16 * 3_600_000 + d * DAY_SECONDS * 1000) for d in range(60)]
    day = [heart_rate(3, NOON_MS + 4 * 3_600_000 + d * DAY_SECONDS * 1000) for d in range(60)]
    assert mean(night) + 5 < mean(day)


def test_there_is_exercise_on_most_days_and_rest_in_between() -> None:
    resting = 58 + 16
    peaks = [
        max(_values(3, NOON_MS - 43_200_000 + d * DAY_SECONDS * 1000, DAY_SECONDS, 60))
        for d in range(10)
    ]
    assert sum(peak > resting + 25 for peak in peaks) >= 5
