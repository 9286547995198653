"""Percentiles of sketches stay within their bound, and depend on the values alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest.storage.value_sketch import (
    MAX_RELATIVE_ERROR,
    count_outside,
    decode_sketches,
    encode_sketch,
    estimate_percentiles,
    merge_sketches,
    sketch_values,
)

FRACTIONS = [0.05, 0.5, 0.95]
Values = NDArray[np.float64]


def true_percentiles(values: Values) -> list[float]:
    found: list[float] = np.percentile(values, [5, 50, 95], method="inverted_cdf").tolist()
    return found


def estimate(values: Values) -> list[float]:
    sketch = sketch_values(values)
    assert sketch is not None
    stored = decode_sketches([encode_sketch(sketch)])
    assert np.array_equal(stored.bins, sketch.bins)
    assert np.array_equal(stored.counts, sketch.counts)
    return estimate_percentiles(stored, FRACTIONS, values.min(), values.max())


def check(values: Values) -> None:
    for found, true in zip(estimate(values), true_percentiles(values), strict=True):
        assert abs(found - true) <= MAX_RELATIVE_ERROR * abs(true)
        assert math.isclose(found, true, rel_tol=0.01)


def bouts(generator: np.random.Generator) -> Values:
    """Return a day of heart rates every 5 seconds with two exercise bouts of hours."""
    rates = generator.normal(62, 4, 17_280)
    rates[3_000:5_000] = generator.normal(150, 9, 2_000)
    rates[12_000:13_500] = generator.normal(171, 5, 1_500)
    return rates.round(1)


@pytest.mark.parametrize(
    "make",
    [
        bouts,
        lambda generator: np.full(5_000, 36.6),
        lambda generator: np.concatenate([generator.normal(60, 2, 500), np.full(490, 180.3)]),
        lambda generator: np.append(generator.normal(70, 5, 5_000), [1e12, -1e12, 1e-9]),
        lambda generator: -generator.lognormal(3, 1, 5_000),
        lambda generator: generator.normal(0, 1e-6, 5_000),
        lambda generator: 1e9 + generator.normal(0, 0.1, 3_600),
        lambda generator: np.zeros(100),
        lambda generator: np.array([5e300, 1.7976931348623157e308, -1.7976931348623157e308]),
    ],
    ids=[
        "bouts",
        "constant",
        "bimodal",
        "outliers",
        "negative",
        "tiny",
        "offset",
        "zero",
        "largest",
    ],
)
def test_hostile_values_stay_within_the_bound(make: object) -> None:
    assert callable(make)
    check(make(np.random.default_rng(3)))


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_integers_and_their_fractions_are_exact(scale: int) -> None:
    values = np.random.default_rng(5).integers(-256, 257, 4_000) / scale
    assert estimate(values) == true_percentiles(values)


@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
        | st.integers(-300, 300).map(float)
        | st.floats(1e9 - 1, 1e9 + 1),
        min_size=1,
        max_size=60,
    )
)
def test_any_values_stay_within_the_bound(values: list[float]) -> None:
    check(np.array(values))


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=60), st.data())
def test_order_and_division_change_nothing(values: list[float], data: st.DataObject) -> None:
    shuffled = np.array(data.draw(st.permutations(values)))
    place = data.draw(st.integers(1, len(values) - 1))
    whole = sketch_values(np.array(values))
    parts = [sketch_values(shuffled[:place]), sketch_values(shuffled[place:])]
    found = [part for part in parts if part is not None]
    assert whole is not None
    coded = decode_sketches([encode_sketch(part) for part in found])
    for merged in (merge_sketches(found), coded):
        assert np.array_equal(merged.bins, whole.bins)
        assert np.array_equal(merged.counts, whole.counts)
        assert merged.is_exact == whole.is_exact


@given(
    st.lists(
        st.sampled_from([-2.0, -1.5, -1.4999, 0.0, 1e-3, 20.0, 20.01, 250.0, 250.5]), min_size=1
    ),
    st.sampled_from([-math.inf, -1.5, 0.0, 20.0, 20.005]),
    st.sampled_from([math.inf, -1.5, 0.0, 20.005, 250.0]),
)
def test_counts_outside_a_range_are_right_or_unsure(
    values: list[float], low: float, high: float
) -> None:
    array = np.array(values)
    sketch = sketch_values(array)
    assert sketch is not None
    below, above, unsure = count_outside(sketch, low, high)
    true_below, true_above = int((array < low).sum()), int((array > high).sum())
    assert below <= true_below
    assert above <= true_above
    assert true_below + true_above <= below + above + unsure
    if sketch.is_exact or {low, high} <= {-math.inf, math.inf}:
        assert unsure == 0


def test_counts_above_sixteen_bits_are_kept() -> None:
    check(np.repeat([1.0, 2.0, -300.0], [100_000, 32_767, 65_535]))


def test_values_below_the_normal_doubles_have_no_sketch() -> None:
    assert sketch_values(np.array([1.0, 5e-324])) is None
