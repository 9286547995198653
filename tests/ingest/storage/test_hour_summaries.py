"""Summaries of hours: moments that keep their digits, covered time, steps and gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.storage.blocks import HOUR_MS
from ingest.storage.hour_summaries import (
    Moments,
    compute_moments,
    merge_columns,
    summarise_hour,
)

SECOND_US = 1_000_000


def merge_moments(parts: list[Moments]) -> Moments:
    means, m2s = np.array([part.mean for part in parts]), np.array([part.m2 for part in parts])
    return merge_columns(np.array([part.count for part in parts]), means, m2s)


def test_an_hour_around_a_thousand_million_keeps_its_deviation() -> None:
    values = 1e9 + np.random.default_rng(1).normal(0, 0.1, 3_600)
    exact = math.fsum((value - 1e9) for value in values) / 3_600
    deviation = math.sqrt(math.fsum((value - 1e9 - exact) ** 2 for value in values) / 3_599)
    parts = [compute_moments(values[start : start + 7]) for start in range(0, 3_600, 7)]
    for moments in (compute_moments(values), merge_moments(parts)):
        assert moments.count == 3_600
        assert moments.mean == pytest.approx(1e9 + exact, rel=1e-15)
        assert moments.sd == pytest.approx(deviation, rel=1e-6)


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=2, max_size=50), st.data())
def test_merged_moments_are_those_of_all_values(values: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(values) - 1))
    array = np.array(values)
    merged = merge_moments([compute_moments(array[:place]), compute_moments(array[place:])])
    scale = float(np.abs(array).max())
    assert merged.mean == pytest.approx(array.mean(), rel=1e-9, abs=1e-12 * scale)
    assert merged.sd == pytest.approx(array.std(ddof=1), rel=1e-9, abs=1e-7 * scale)


def test_the_largest_doubles_have_a_mean() -> None:
    moments = compute_moments(np.full(100, 1.7e308))
    assert moments.mean == pytest.approx(1.7e308)
    assert merge_moments([moments, moments]).mean == pytest.approx(1.7e308)
    assert compute_moments(np.array([1.7e308, -1.7e308])).sd is None


def test_each_sample_stands_for_one_step() -> None:
    # 20 minutes at 1 Hz, a pause of 10 minutes, 5 minutes at 1 Hz.
    offsets = np.concatenate([np.arange(0, 1200), np.arange(1800, 2100)]) * SECOND_US
    summary = summarise_hour(10, offsets, np.full(1500, 60.0))
    assert summary.step_us == SECOND_US
    assert summary.covered_ms == 1_500_000
    assert summary.bin_samples.tolist() == [300] * 4 + [0, 0, 300] + [0] * 5
    assert summary.bin_covered_ms.tolist() == [300_000] * 4 + [0, 0, 300_000] + [0] * 5
    assert (summary.gap_from_ms, summary.gap_to_ms) == (1_199_000, 1_800_000)


def test_samples_closer_than_the_step_count_once() -> None:
    offsets = np.sort(np.concatenate([np.arange(100) * 10, np.arange(30) * 10 + 1])) * SECOND_US
    summary = summarise_hour(10, offsets, np.full(130, 60.0))
    assert summary.covered_ms <= 1_000_000


def test_a_single_sample_leaves_its_time_to_the_series() -> None:
    summary = summarise_hour(10, np.array([5 * SECOND_US]), np.array([1.0]))
    assert (summary.step_us, summary.gap_from_ms, summary.covered_ms) == (None, None, HOUR_MS)
    assert summary.sketch is None
    assert summary.bin_means is None


def test_hours_with_too_many_bins_have_no_sketch() -> None:
    values = np.random.default_rng(2).normal(0, 1, 100_000)
    summary = summarise_hour(10, np.arange(100_000) * 36_000, values)
    assert summary.sketch is None
    assert summary.bin_means is not None
