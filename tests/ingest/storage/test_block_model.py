"""Blocks behave like a dictionary from timestamp to value, whatever is overlaid on them."""

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing.measurement_file import read_measurement_file
from ingest.parsing.samples import FileLimits, TimeWindow
from ingest.storage import pg_arrays
from ingest.storage.blocks import (
    HOUR_MS,
    HOUR_US,
    MAX_SAMPLES,
    Block,
    merge,
    overlay_samples,
    split_into_blocks,
)
from tests.support.examples import bounded

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


@settings(max_examples=bounded(200), deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=12))
def test_the_total_of_few_values_is_that_of_many(values: list[float]) -> None:
    block = Block(0, np.arange(len(values)), np.array(values))
    with np.errstate(over="ignore", invalid="ignore"):
        expected = float(np.array(values).sum())
    assert struct.pack("d", block.total) == struct.pack("d", expected)


@settings(max_examples=bounded(400), deadline=None)
@given(st.lists(lines, min_size=1, max_size=6))
def test_overlaid_files_leave_last_values_and_exact_counts(
    files: list[list[tuple[int, float]]],
) -> None:
    model: dict[int, float] = {}
    stored: list[Block] = []
    for file in files:
        content = "".join(f"{time},{value:.2f}\n" for time, value in file).encode()
        (samples,) = read_measurement_file(content, WINDOW, LIMITS).columns
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


@settings(max_examples=bounded(200), deadline=None)
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


@given(
    st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1),
    st.lists(st.floats(allow_nan=False, width=64), min_size=1),
)
def test_arrays_survive_postgresqls_binary_form(
    short: list[int], whole: list[int], real: list[float]
) -> None:
    shorts, ints = np.array(short, dtype=np.int16), np.array(whole, dtype=np.int32)
    floats = np.array(real, dtype=np.float64)
    decoded = (
        pg_arrays.decode_int2(pg_arrays.encode_int2(shorts)),
        pg_arrays.decode_int4(pg_arrays.encode_int4(ints)),
        pg_arrays.decode_float8(pg_arrays.encode_float8(floats)),
    )
    for array, sent in zip(decoded, (short, whole, real), strict=True):
        assert array is not None
        assert array.tolist() == sent
    assert [str(array.dtype) for array in decoded if array is not None] == [
        "int16",
        "int32",
        "float64",
    ]
