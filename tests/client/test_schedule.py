"""A simulated device's files are contiguous and end with the present."""

from __future__ import annotations

from itertools import pairwise

import pytest

from device_client.simulator import Schedule

START = 1_770_000_000_000


@pytest.mark.parametrize(("uploads", "interval"), [(1, 0.0), (4, 0.0), (4, 10.0), (3, 60.0)])
def test_limited_files_are_contiguous_and_the_last_ends_now(uploads: int, interval: float) -> None:
    schedule = Schedule(START, samples=60, uploads=uploads, interval_seconds=interval)
    ends = [schedule.end_ms(index) for index in range(uploads)]
    assert ends[-1] == schedule.due_ms(uploads - 1)
    assert all(after - before == 60_000 for before, after in pairwise(ends))


@pytest.mark.parametrize("interval", [0.0, 10.0, 60.0])
def test_an_endless_device_sends_each_file_when_complete(interval: float) -> None:
    schedule = Schedule(START, samples=60, uploads=0, interval_seconds=interval)
    for index in range(5):
        assert schedule.due_ms(index) == schedule.end_ms(index) == START + index * 60_000


def test_a_long_interval_leaves_gaps_between_files() -> None:
    schedule = Schedule(START, samples=60, uploads=0, interval_seconds=300)
    assert schedule.end_ms(1) - schedule.end_ms(0) == 300_000


@pytest.mark.parametrize("uploads", [0, 1, 5])
@pytest.mark.parametrize("interval", [0.0, 0.3, 7.7, 90.0])
def test_no_sample_lies_in_the_future(uploads: int, interval: float) -> None:
    schedule = Schedule(START + 123, samples=60, uploads=uploads, interval_seconds=interval)
    for index in range(uploads or 5):
        assert schedule.end_ms(index) <= schedule.due_ms(index)
        assert schedule.end_ms(index) % 1000 == 0
