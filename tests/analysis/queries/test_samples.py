"""Samples and buckets are read back from blocks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from analysis.queries import samples as reading
from analysis.queries.read_buckets import read_buckets
from analysis.queries.samples import read_samples
from analysis.queries.series import find_series
from identities.models import Identity
from identities.visibility import EVERYTHING
from ingest.models import SampleBlock
from ingest.time_range import TimeRange
from tests.analysis.queries.factories import HOUR_MS, make_series

START = 1_700_000_000_000
TEN_HOURS = 10 * HOUR_MS


def read_all(wanted: TimeRange, name: str = "hr") -> list[tuple[int, float]]:
    parts = list(read_samples(find_series("ward3-07", name, EVERYTHING), wanted))
    return [
        pair
        for part in parts
        for pair in zip(part.time_ms.tolist(), part.value.tolist(), strict=True)
    ]


def random_samples(count: int, span_ms: int, seed: int = 1) -> dict[int, float]:
    numbers = np.random.default_rng(seed)
    times = np.unique(START + numbers.integers(0, span_ms, count))
    return dict(zip(times.tolist(), numbers.normal(70, 9, len(times)).tolist(), strict=True))


@pytest.mark.parametrize("blocks_per_hour", [1, 3])
def test_samples_are_read_back_exactly_and_ascending(ward: Identity, blocks_per_hour: int) -> None:
    samples = random_samples(5_000, TEN_HOURS)
    make_series(ward, "hr", samples, blocks_per_hour)
    assert read_all(TimeRange()) == sorted(samples.items())


def test_long_series_are_read_in_several_parts(
    ward: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SAMPLES_PER_RUN", 700)
    monkeypatch.setattr(reading, "HOURS_PER_QUERY", 3)
    monkeypatch.setattr(reading, "SAMPLES_OF_FIRST_RUN", 100)
    monkeypatch.setattr(reading, "HOURS_OF_FIRST_QUERY", 2)
    samples = random_samples(5_000, TEN_HOURS)
    make_series(ward, "hr", samples, 2)
    parts = list(read_samples(find_series("ward3-07", "hr", EVERYTHING), TimeRange()))
    assert len(parts) >= 7
    assert len(parts[0]) < min(len(part) for part in parts[1:-1])  # a download begins at once
    assert all(a.time_ms[-1] < b.time_ms[0] for a, b in pairwise(parts))
    assert read_all(TimeRange()) == sorted(samples.items())


def test_a_range_includes_its_start_and_excludes_its_end(ward: Identity) -> None:
    make_series(ward, "hr", {START: 1, START + 1000: 2, START + 2000: 3})
    assert read_all(TimeRange(START, START + 2000)) == [(START, 1), (START + 1000, 2)]
    assert read_all(TimeRange(START + 1, START + 1000)) == []
    assert read_all(TimeRange(START, START)) == []
    assert read_all(TimeRange(START + 99_999_999_999)) == []


def test_other_series_of_the_same_hours_are_left_out(ward: Identity) -> None:
    other = Identity.objects.create(name="other")
    make_series(ward, "hr", {START: 1})
    make_series(ward, "ibi", {START: 2})
    make_series(other, "hr", {START: 3})
    assert read_all(TimeRange()) == [(START, 1)]


INSTANTS = st.none() | st.integers(START - HOUR_MS, START + TEN_HOURS + HOUR_MS)


@pytest.fixture
def ten_hours(ward: Identity) -> list[tuple[int, float]]:
    """Samples at uneven times, in interleaved blocks."""
    samples = random_samples(2_000, TEN_HOURS)
    make_series(ward, "hr", samples, 2)
    return sorted(samples.items())


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(start=INSTANTS, end=INSTANTS, most=st.integers(1, 2000))
def test_buckets_are_those_of_the_samples_in_the_range(
    ten_hours: list[tuple[int, float]], start: int | None, end: int | None, most: int
) -> None:
    if start is not None and end is not None and start > end:
        start, end = end, start
    width, found = read_buckets(
        find_series("ward3-07", "hr", EVERYTHING), TimeRange(start, end), most
    )
    expected: dict[int, list[float]] = {}
    for time, value in ten_hours:
        if (start is None or start <= time) and (end is None or time < end):
            expected.setdefault(time // width * width, []).append(value)
    assert found.time_ms.tolist() == sorted(expected)
    assert len(found.time_ms) <= most
    assert found.count.tolist() == [len(expected[time]) for time in sorted(expected)]
    assert found.minimum.tolist() == [min(expected[time]) for time in sorted(expected)]
    assert found.maximum.tolist() == [max(expected[time]) for time in sorted(expected)]
    means = [sum(expected[time]) / len(expected[time]) for time in sorted(expected)]
    assert found.mean.tolist() == pytest.approx(means, rel=1e-12)


def test_many_samples_not_yet_compacted_are_not_read(
    ward: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_series(ward, "hr", random_samples(500, TEN_HOURS))
    monkeypatch.setattr("analysis.queries.read_buckets.MAX_OPEN_SAMPLES", 100)
    # Arrays that contradict the totals: the result differs if anything reads them.
    SampleBlock.objects.update(offsets=[0], values=[-1e9])
    whole_hours = TimeRange(0, 2_000_000_000_000 // HOUR_MS * HOUR_MS)
    series = find_series("ward3-07", "hr", EVERYTHING)
    _, found = read_buckets(series, whole_hours, 11)
    assert found.minimum.min() > 0


def test_statements_do_not_grow_with_the_blocks(
    ward: Identity, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_series(ward, "hr", random_samples(3_000, TEN_HOURS), blocks_per_hour=50)
    with django_assert_num_queries(2):
        series = find_series("ward3-07", "hr", EVERYTHING)
    assert series.count == len(read_all(TimeRange()))
