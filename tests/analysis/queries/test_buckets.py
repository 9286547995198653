"""Buckets have round widths, are aligned to UTC and hold every sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.queries.buckets import (
    LADDER_MS,
    choose_width,
    iterate_widths,
    make_buckets,
    merge_buckets,
)
from analysis.queries.read_buckets import read_buckets
from analysis.queries.series import find_series
from identities.models import Identity
from identities.visibility import EVERYTHING
from ingest.time_range import TimeRange
from tests.analysis.queries.factories import make_series

TIMES = st.integers(0, 10**16)


@given(TIMES, st.integers(1, 10**13), st.integers(1, 10_000))
def test_the_width_is_the_smallest_with_few_enough_buckets(
    start: int, length: int, most: int
) -> None:
    end = start + length
    width = choose_width(start, end, most)

    def needed(candidate: int) -> int:
        return (end - 1) // candidate - start // candidate + 1

    assert needed(width) <= most
    for narrower in iterate_widths():
        if narrower >= width:
            assert narrower == width
            break
        assert needed(narrower) > most


def test_a_day_in_1000_buckets_has_a_width_of_2_minutes() -> None:
    assert choose_width(0, 86_400_000, 1000) == 120_000


def test_a_year_in_1000_buckets_has_a_width_of_12_hours() -> None:
    assert choose_width(0, 365 * 86_400_000, 1000) == 12 * 3_600_000


def test_widths_from_an_hour_on_are_whole_hours() -> None:
    assert all(width % 3_600_000 == 0 for width in LADDER_MS if width > 1_800_000)


@given(
    st.dictionaries(st.integers(0, 100_000), st.integers(-1000, 1000), max_size=60),
    st.sampled_from([1000, 2000, 15_000]),
    st.integers(0, 60),
)
def test_buckets_are_the_same_however_samples_are_split(
    samples: dict[int, int], width: int, cut: int
) -> None:
    items = sorted(samples.items())
    parts = [np.array(part, np.int64).reshape(-1, 2) for part in (items[:cut], items[cut:])]
    found = merge_buckets(
        [make_buckets(part[:, 0] * 1000, part[:, 1].astype(float), width) for part in parts]
    )
    by_hand: dict[int, list[int]] = {}
    for time, value in items:
        by_hand.setdefault(time // width * width, []).append(value)
    rows = zip(
        found.time_ms.tolist(), found.minimum.tolist(), found.maximum.tolist(),
        found.mean.tolist(), found.count.tolist(), strict=True,
    )  # fmt: skip
    assert list(rows) == [
        (time, min(values), max(values), pytest.approx(sum(values) / len(values)), len(values))
        for time, values in sorted(by_hand.items())
    ]


@pytest.mark.parametrize("values", [[1.7e308] * 3, [-1.7e308, -1.5e308], [1.7e308, -1.7e308]])
def test_the_mean_of_huge_values_is_a_number(values: list[float]) -> None:
    mean = pytest.approx(sum(value / len(values) for value in values))
    times = np.arange(len(values))
    assert make_buckets(times, np.array(values), 1).mean.tolist() == [mean]
    parts = [make_buckets(times[n : n + 1], np.array([v]), 1) for n, v in enumerate(values)]
    assert merge_buckets(parts).mean.tolist() == [mean]


def test_dense_samples_are_divided_below_a_second(db: None) -> None:
    identity = Identity.objects.create(name="dense")
    start = 1_700_006_400_000
    make_series(identity, "fast", {start + 5 * step: float(step) for step in range(2000)})
    make_series(identity, "slow", {start + 1000 * step: float(step) for step in range(10)})
    wanted = TimeRange(start, start + 10_000)
    width, buckets = read_buckets(find_series("dense", "fast", EVERYTHING), wanted, 500)
    assert (width, len(buckets.time_ms), int(buckets.count.max())) == (20, 500, 4)
    width, buckets = read_buckets(find_series("dense", "slow", EVERYTHING), wanted, 500)
    assert (width, len(buckets.time_ms)) == (1000, 10)
