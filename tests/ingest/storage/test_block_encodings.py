"""Each stored form of a block gives back the same times and doubles, in Python and in SQL."""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate

import numpy as np
import pytest
from django.db import connection
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from identities.models import Identity
from ingest.storage import block_store, stored_blocks, timestamp_encoding, value_encoding
from ingest.storage.blocks import HOUR_MS, HOUR_US, MAX_SAMPLES, Block

HOUR = 480_000

offsets = st.one_of(
    st.sets(st.integers(0, HOUR_MS - 1), min_size=1, max_size=50).map(
        lambda found: [offset * 1000 for offset in sorted(found)]
    ),
    st.sets(st.integers(0, HOUR_US - 1), min_size=1, max_size=50).map(sorted),
    st.sets(st.integers(0, 20_000_000), min_size=1, max_size=50).map(sorted),
    st.builds(
        lambda first, step, count: [first + step * number for number in range(count)],
        st.integers(0, 1000),
        st.integers(1, 400_000),
        st.integers(1, MAX_SAMPLES),
    ),
)


def decimals(scale: int, size: int) -> st.SearchStrategy[float]:
    return st.integers(-size, size).map(lambda number: float(Decimal(number).scaleb(-scale)))


values = st.one_of(
    # Beyond these, the sum of a block is infinite.
    st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40),
    st.lists(st.integers(-(2**40), 2**40).map(float), min_size=1, max_size=40),
    st.tuples(st.integers(0, 15), st.sampled_from([300, 60_000, 2**31, 2**53])).flatmap(
        lambda kind: st.lists(decimals(*kind), min_size=1, max_size=40)
    ),
    st.lists(st.sampled_from([0.0, -0.0, 0.1, 0.25, 1e9, 1e-7, 5e-324, 1e22]), min_size=1),
)

# As sensors measure: steps of a few hundredths, and a jump now and then.
walks = st.tuples(
    st.integers(0, 15),
    st.lists(st.integers(-130, 130), min_size=64, max_size=200),
    st.lists(st.integers(-(2**33), 2**33), max_size=5),
    st.sampled_from([1, 5, 15_625]),
).map(lambda kind: walk(*kind))


def walk(scale: int, steps: list[int], jumps: list[int], unit: int) -> list[float]:
    for place, jump in enumerate(jumps):
        steps = [*steps[: place * 13], jump, *steps[place * 13 :]]
    return [float(Decimal(number * unit).scaleb(-scale)) for number in accumulate(steps)]


def bits(numbers: NDArray[np.float64]) -> list[int]:
    found: list[int] = numbers.view(np.int64).tolist()
    return found


@given(offsets)
def test_times_are_packed_and_unpacked_as_they_were(times: list[int]) -> None:
    encoding, stored = timestamp_encoding.pack(np.array(times, np.int64))
    assert len(stored) <= len(times)
    assert encoding in timestamp_encoding.ENCODINGS
    first_ms = times[0] // 1000
    assert timestamp_encoding.unpack(encoding, stored, len(times), first_ms).tolist() == times


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


@pytest.mark.parametrize(
    ("times", "encoding", "stored"),
    [
        ([7_000, 9_000, 9_001_000], timestamp_encoding.STEPS_MS, [0, 2, 8_992]),
        ([7_125, 9_000, 39_001], timestamp_encoding.STEPS_US, [125, 1_875, 30_001]),
        ([7_000, 40_000_000], timestamp_encoding.EACH_MS, [7, 40_000]),
        ([7_125, 40_000], timestamp_encoding.EACH_US, [7_125 - 1_800_000_000, -1_799_960_000]),
    ],
)
def test_uneven_times_are_differences_where_these_fit(
    times: list[int], encoding: int, stored: list[int]
) -> None:
    packed = timestamp_encoding.pack(np.array(times, np.int64))
    assert (packed[0], packed[1].tolist()) == (encoding, stored)


@pytest.mark.parametrize(("encoding", "stored"), [(2, [1]), (2, [1, 2, 3]), (4, [1]), (7, [1, 2])])
def test_a_form_that_no_encoding_has_is_refused(encoding: int, stored: list[int]) -> None:
    with pytest.raises(ValueError, match=f"encoding {encoding}"):
        timestamp_encoding.unpack(encoding, np.array(stored, np.int32), 3, 0)


@settings(max_examples=300)
@given(values)
def test_values_come_back_bit_for_bit(numbers: list[float]) -> None:
    given_values = np.array(numbers)
    scale, stored = value_encoding.pack(given_values)
    back = value_encoding.unpack(scale, stored, float(given_values.min()))
    assert bits(back) == bits(given_values)


@given(offsets, values)
def test_few_samples_are_stored_in_the_form_of_many(times: list[int], numbers: list[float]) -> None:
    """Python's own numbers pack up to 16 samples, numpy more: both give the same bytes."""
    assume(len(times) != 2)  # shorter than their step: never given to numpy
    few = np.array(times[:16], np.int64), np.array(numbers[:16])
    packed = timestamp_encoding.pack(few[0]), value_encoding.pack(few[1])
    with pytest.MonkeyPatch.context() as patch:
        for module in (timestamp_encoding, value_encoding):
            patch.setattr(module, "FEW_SAMPLES", 1)
        by_numpy = timestamp_encoding.pack(few[0]), value_encoding.pack(few[1])
    for (form, stored), (same_form, same) in zip(packed, by_numpy, strict=True):
        assert (form, stored.dtype, stored.tobytes()) == (same_form, same.dtype, same.tobytes())


@pytest.mark.parametrize(
    ("numbers", "scale", "kind"),
    [
        ([61.5, 72.0, 80.25], 2, np.int16),
        ([0.0, 65_535.0], 0, np.int16),
        ([0.0, 65_536.0], 0, np.int32),
        ([101_325.1, 98_000.2], 1, np.int16),
        ([1e9, 1e9 + 0.25], 2, np.int16),
        ([-214_748.3647, 214_748.3647], 4, np.int32),
        ([0.1 + 0.2], None, np.float64),
        ([-0.0, 1.0], None, np.float64),
        ([1.0] * 20 + [1.0625], 4, np.int16),
    ],
)
def test_short_decimals_become_integers(
    numbers: list[float], scale: int | None, kind: type[np.generic]
) -> None:
    found, stored = value_encoding.pack(np.array(numbers))
    assert (found, stored.dtype) == (scale, np.dtype(kind))


@pytest.mark.parametrize(
    ("scale", "stored"),
    [
        (None, np.array([1], np.int16)),
        (2, np.array([1.5])),
        (16, np.array([1], np.int32)),
        (-1, np.array([1], np.int32)),
    ],
)
def test_values_that_contradict_their_scale_are_refused(
    scale: int | None, stored: value_encoding.Stored
) -> None:
    with pytest.raises(ValueError, match="scale"):
        value_encoding.unpack(scale, stored, 0.0)


@pytest.mark.parametrize("copy", [block_store.copy_blocks, block_store.copy_blocks_compressed])
@pytest.mark.django_db
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_sql_and_python_decode_every_form_alike(
    copy: Callable[[int, list[tuple[str, Block]]], None], data: st.DataObject
) -> None:
    times = np.array(data.draw(offsets)[:200], np.int64)
    numbers = data.draw(st.one_of(values, walks))
    block = Block(HOUR, times, np.resize(np.array(numbers), len(times)))
    name = f"encoding-{Identity.objects.count()}"
    identity = Identity.objects.create(name=name)
    copy(identity.pk, [("x", block)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT times_us, ARRAY(SELECT float8send(v) FROM unnest(b.values) WITH ORDINALITY"
            " AS s(v, place) ORDER BY place) FROM analytics.blocks b WHERE identity_number = %s",
            [identity.pk],
        )
        ((found_times, found_values),) = cursor.fetchall()
    assert found_times == block.times.tolist()
    assert [bytes(value) for value in found_values] == [
        struct.pack("!d", value) for value in block.values.tolist()
    ]
    for smallest in (False, True):
        decoded = stored_blocks.encode(block, smallest=smallest).decode()
        assert bits(decoded.values) == bits(block.values)
