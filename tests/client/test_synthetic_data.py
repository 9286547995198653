"""The synthetic heart rate is plausible and reproducible."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from statistics import mean, pstdev

import pytest

from device_client.synthetic_data import (
    MAX_BPM,
    MIN_BPM,
    compute_heart_rate,
    make_acceleration_file,
    make_file,
)

NOON_MS = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
DAY_SECONDS = 86_400


def _values(seed: int, start_ms: int, seconds: int, step_s: int = 1) -> list[float]:
    return [compute_heart_rate(seed, start_ms + s * 1000) for s in range(0, seconds, step_s)]


def test_the_same_seed_and_time_give_the_same_value() -> None:
    assert make_file(7, NOON_MS, 600) == make_file(7, NOON_MS, 600)


def test_overlapping_files_agree() -> None:
    long, short = make_file(7, NOON_MS, 600), make_file(7, NOON_MS - 100_000, 200)
    assert short in long


def test_seeds_give_different_values() -> None:
    assert make_file(7, NOON_MS, 60) != make_file(8, NOON_MS, 60)


def test_a_file_holds_one_sample_a_second_up_to_its_end() -> None:
    lines = make_file(7, NOON_MS, 3600).decode().splitlines()
    times = [int(line.partition(",")[0]) for line in lines]
    assert times == list(range(NOON_MS - 3_599_000, NOON_MS + 1, 1000))


@pytest.mark.parametrize("seed", range(5))
def test_values_stay_in_a_plausible_range(seed: int) -> None:
    values = _values(seed, NOON_MS, 3 * DAY_SECONDS, step_s=20)
    assert MIN_BPM <= min(values) < 75
    assert 90 < max(values) <= MAX_BPM
    assert 50 < mean(values) < 100


@pytest.mark.parametrize("seed", range(5))
def test_values_vary_but_never_jump(seed: int) -> None:
    values = _values(seed, NOON_MS, 3600)
    steps = [abs(after - before) for before, after in pairwise(values)]
    assert pstdev(values) > 1
    assert max(steps) < 8


def test_nights_are_lower_than_days() -> None:
    night = [
        compute_heart_rate(3, NOON_MS + 16 * 3_600_000 + d * DAY_SECONDS * 1000) for d in range(60)
    ]
    day = [
        compute_heart_rate(3, NOON_MS + 4 * 3_600_000 + d * DAY_SECONDS * 1000) for d in range(60)
    ]
    assert mean(night) + 5 < mean(day)


def test_most_days_have_exercise() -> None:
    resting = 58 + 16
    peaks = [
        max(_values(3, NOON_MS - 43_200_000 + d * DAY_SECONDS * 1000, DAY_SECONDS, 60))
        for d in range(10)
    ]
    assert sum(peak > resting + 25 for peak in peaks) >= 5


@pytest.mark.parametrize("rate_hz", [1, 16, 30, 32])
def test_acceleration_is_evenly_spaced_up_to_its_end(rate_hz: int) -> None:
    header, *lines = make_acceleration_file(7, NOON_MS, 20, rate_hz).decode().split()
    assert header == "time_ms,x,y,z"
    assert len(lines) == 20 * rate_hz
    times = [float(line.split(",")[0]) for line in lines]
    assert times[-1] == NOON_MS
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert max(steps) - min(steps) < 0.01
    assert any("." in line.split(",")[0] for line in lines) == (rate_hz != 1)


def test_acceleration_at_rest_is_near_one_g() -> None:
    lines = make_acceleration_file(7, NOON_MS, 600, 4).decode().split()[1:]
    sizes = [sum(float(value) ** 2 for value in line.split(",")[1:]) ** 0.5 for line in lines]
    assert 0.5 < min(sizes) < 1 < max(sizes) < 2
    assert mean(sizes) == pytest.approx(1, abs=0.1)


def test_overlapping_files_of_acceleration_agree() -> None:
    long = make_acceleration_file(7, NOON_MS, 60, 16).split()
    assert make_acceleration_file(7, NOON_MS, 20, 16).split()[1:] == long[-320:]
