"""Blocks behave like a dictionary from timestamp to value, whatever is overlaid on them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing.sample_file import read_sample_file
from ingest.parsing.samples import FileLimits, TimeWindow
from ingest.storage import pg_arrays, timestamp_encoding
from ingest.storage.blocks import (
    HOUR_MS,
    HOUR_US,
    MAX_SAMPLES,
    Block,
    merge,
    overlay_samples,
    split_into_blocks,
)

START = 1_500_000_000_000 - 1_500_000_000_000 % HOUR_MS
START_US = START * 1000
WINDOW = TimeWindow(0, 2**53)
LIMITS = FileLimits(1000, 1000)

lines = st.lists(
    st.tuples(
        st.one_of(
            st.integers(START - 4, START + 4),
            st.integers(START - 3 * HOUR_MS, START + 3 * HOUR_MS),
        ),
        st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.25, 1e19]),
    ),
    min_size=1,
    max_size=30,
)


def as_dict(blocks: list[Block]) -> dict[int, float]:
    pairs = [
        pair
        for block in blocks
        for pair in zip(block.times.tolist(), block.values.tolist(), strict=True)
    ]
    assert len(pairs) == len({time for time, _ in pairs}), "a timestamp stands in two places"
    return dict(pairs)


def assert_sound(blocks: list[Block]) -> None:
    for block in blocks:
        assert 1 <= len(block.offsets_us) == len(block.values) <= MAX_SAMPLES
        assert block.offsets_us[0] >= 0
        assert block.offsets_us[-1] < HOUR_US
        assert (np.diff(block.offsets_us) > 0).all()


@settings(max_examples=400, deadline=None)
@given(st.lists(lines, min_size=1, max_size=6))
def test_overlaid_files_leave_last_values_and_exact_counts(
    files: list[list[tuple[int, float]]],
) -> None:
    model: dict[int, float] = {}
    stored: list[Block] = []
    for file in files:
        content = "".join(f"{time},{value:.2f}\n" for time, value in file).encode()
        (samples,) = read_sample_file(content, WINDOW, LIMITS).columns
        last = {time * 1000: value for time, value in file}
        overlay = overlay_samples(stored, samples.times, samples.values)
        known = last.keys() & model.keys()
        assert samples.repeated == len(file) - len(last)
        assert overlay.new == len(last) - len(known)
        assert overlay.identical == sum(last[time] == model[time] for time in known)
        assert overlay.replaced == sum(last[time] != model[time] for time in known)
        model |= last
        for index, block in overlay.rewritten:
            stored[index] = block
        stored += split_into_blocks(overlay.times, overlay.values)
        assert_sound(stored)
        assert as_dict(stored) == model


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 3 * MAX_SAMPLES), st.integers(1, 400))
def test_cutting_keeps_every_sample_inside_its_hour(count: int, step: int) -> None:
    times = np.arange(count, dtype=np.int64) * step * 1000 + START_US + 7
    values = np.arange(count, dtype=np.float64)
    blocks = list(split_into_blocks(times, values))
    assert_sound(blocks)
    assert np.array_equal(np.concatenate([block.times for block in blocks]), times)
    assert np.array_equal(np.concatenate([block.values for block in blocks]), values)


@given(lines)
def test_merging_the_blocks_of_an_hour_changes_no_sample(file: list[tuple[int, float]]) -> None:
    times = np.array(sorted({time // 3 for time, _ in file}), dtype=np.int64) % HOUR_US + START_US
    times = np.unique(times)
    single = [
        block
        for time in times
        for block in split_into_blocks(times[times == time], np.array([1.5]))
    ]
    merged = merge(reversed(single))
    assert_sound(merged)
    assert len(merged) == 1
    assert as_dict(merged) == as_dict(single)


@given(st.lists(st.integers(-(2**31), 2**31 - 1)), st.lists(st.floats(allow_nan=False, width=64)))
def test_arrays_survive_postgresqls_binary_form(whole: list[int], real: list[float]) -> None:
    ints, floats = np.array(whole, dtype=np.int32), np.array(real, dtype=np.float64)
    if whole:
        assert np.array_equal(pg_arrays.decode_int4(pg_arrays.encode_int4(ints)), ints)
    if real:
        assert np.array_equal(pg_arrays.decode_float8(pg_arrays.encode_float8(floats)), floats)


offsets = st.one_of(
    st.sets(st.integers(0, HOUR_MS - 1), min_size=1, max_size=50).map(
        lambda found: [offset * 1000 for offset in sorted(found)]
    ),
    st.sets(st.integers(0, HOUR_US - 1), min_size=1, max_size=50).map(sorted),
    st.builds(
        lambda first, step, count: [first + step * number for number in range(count)],
        st.integers(0, 1000),
        st.integers(1, 400_000),
        st.integers(1, MAX_SAMPLES),
    ),
)


@given(offsets)
def test_times_are_packed_and_unpacked_as_they_were(times: list[int]) -> None:
    encoding, stored = timestamp_encoding.pack(np.array(times, np.int64))
    assert len(stored) <= len(times)
    assert encoding in timestamp_encoding.ENCODINGS
    assert timestamp_encoding.unpack(encoding, stored, len(times)).tolist() == times


@pytest.mark.parametrize(
    ("first", "step", "encoding", "stored"),
    [
        (500_000, 1_000_000, timestamp_encoding.EVEN_MS, [500, 1000]),
        (500_125, 31_250, timestamp_encoding.EVEN_US, [500_125 - 1_800_000_000, 31_250]),
    ],
)
def test_evenly_spaced_times_are_two_numbers(
    first: int, step: int, encoding: int, stored: list[int]
) -> None:
    packed = timestamp_encoding.pack(first + step * np.arange(100, dtype=np.int64))
    assert (packed[0], packed[1].tolist()) == (encoding, stored)


@pytest.mark.parametrize(("encoding", "stored"), [(2, [1]), (2, [1, 2, 3]), (4, [1]), (5, [1, 2])])
def test_a_form_that_no_encoding_has_is_refused(encoding: int, stored: list[int]) -> None:
    with pytest.raises(ValueError, match=f"encoding {encoding}"):
        timestamp_encoding.unpack(encoding, np.array(stored, np.int32), 3)
