"""Runs of hours cover everything once; layers are a dictionary."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.storage.blocks import HOUR_US
from ingest.storage.file_overlay import (
    SAMPLES_A_FILE_COSTS,
    Layers,
    Span,
    plan_runs,
)

SPANS = st.lists(
    st.builds(
        lambda first, length, samples, files: Span(first, first + length, samples, files),
        st.integers(400_000, 500_000),
        st.integers(0, 300) | st.just(9000),
        st.integers(0, 10**7),
        st.integers(0, 10**5),
    ),
    max_size=12,
)


@given(SPANS, st.integers(1, 10**6))
def test_runs_are_disjoint_ascending_and_cover_every_span(spans: list[Span], most: int) -> None:
    most = max(most, sum(span.samples for span in spans) // 1000)  # else a thousand runs and more
    runs = list(plan_runs(spans, most))
    assert all(first.last + 1 == second.first for first, second in pairwise(runs))
    assert all(run.first <= run.last for run in runs)
    if spans:
        assert runs[0].first == min(span.first_hour for span in spans)
        assert runs[-1].last == max(span.last_hour for span in spans)
    else:
        assert not runs


@given(st.integers(1, 2000), st.integers(1, 500), st.integers(1, 100_000))
def test_a_run_exceeds_the_maximum_only_within_one_hour(
    hours: int, files: int, samples: int
) -> None:
    weight = samples + files * SAMPLES_A_FILE_COSTS
    most = max(weight // 50, 1)
    for run in plan_runs([Span(0, hours - 1, samples, files)], most):
        held = weight / hours * (run.last - run.first + 1)
        assert held <= most * (1 + 1e-9) or run.first == run.last


FILES = st.lists(
    st.dictionaries(st.integers(0, 3 * HOUR_US), st.floats(allow_nan=False), max_size=20),
    max_size=8,
)


@given(FILES, st.sampled_from([1, 10, 1_000_000]))
def test_layers_behave_like_a_dictionary(files: list[dict[int, float]], fold_samples: int) -> None:
    layers, expected = Layers(), dict[int, float]()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ingest.storage.file_overlay._FOLD_SAMPLES", fold_samples)
        for file in files:
            times = np.array(sorted(file), dtype=np.int64)
            layers.lay(times, np.array([file[time] for time in times.tolist()], dtype=np.float64))
            expected |= file
        result = layers.result()
    assert dict(zip(result.times.tolist(), result.values.tolist(), strict=True)) == expected
    assert result.times.tolist() == sorted(expected)
    assert result.hours() == sorted({time // HOUR_US for time in expected})
