"""Compaction stores slow values as differences of one byte, and larger ones aside."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.models import SampleBlock
from ingest.storage import block_store, stored_blocks, value_differences
from ingest.storage.blocks import Block
from tests.ingest.maintenance.factories import make_identity
from tests.support.block_contents import values_of

HOUR = 480_000
SLOW = [70.0 + (number % 90) / 100 for number in range(200)]


def block_of(values: list[float]) -> Block:
    return Block(HOUR, 1_000_000 * np.arange(len(values), dtype=np.int64), np.array(values))


@given(st.lists(st.integers(-127, 127), min_size=64, max_size=300), st.integers(0, 2**31 - 1))
def test_numbers_come_back(steps: list[int], jump: int) -> None:
    numbers = np.array([*accumulate(steps), jump], np.int64)
    numbers -= numbers.min()
    packed = value_differences.pack(numbers)
    if int(numbers.max()) >= 2**31:
        assert packed is None
    else:
        assert packed is not None
        assert value_differences.unpack(*packed).tolist() == numbers.tolist()


@pytest.mark.parametrize(
    ("numbers", "integers"),
    [
        (np.arange(100), [1, 0]),
        (np.zeros(100, np.int64), [1, 0]),
        (np.arange(100) * 15_625, [15_625, 0]),
        (np.concatenate([np.arange(100), 5_000 + np.arange(100)]), [1, 0, 4_901]),
        (np.concatenate([128 + np.arange(100), np.zeros(100, np.int64)]), [1, 128, -227]),
    ],
)
def test_divisor_and_jumps_stand_aside(
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]], integers: list[int]
) -> None:
    packed = value_differences.pack(numbers)
    assert packed is not None
    assert (len(packed[0]), packed[1].tolist()) == (len(numbers), integers)


@pytest.mark.parametrize(
    "numbers",
    [np.arange(63), np.arange(100) % 2 * 128 + np.arange(100) % 3, np.arange(100) * 2**26],
    ids=["few", "noisy", "large"],
)
def test_other_numbers_have_another_form(
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> None:
    assert value_differences.pack(numbers) is None


def test_jumps_that_do_not_belong_to_the_bytes_are_refused() -> None:
    differences, integers = value_differences.pack(np.arange(100)) or (b"", np.empty(0, np.int32))
    with pytest.raises(ValueError, match="2 jumps for 1 marks"):
        value_differences.unpack(differences, np.append(integers, 1))


def test_uploads_leave_them_to_compaction() -> None:
    assert stored_blocks.encode(block_of(SLOW)).small_integers is not None
    smallest = stored_blocks.encode(block_of(SLOW), smallest=True)
    assert (smallest.small_integers, len(smallest.differences or b"")) == (None, 200)


@pytest.mark.django_db
def test_a_changed_value_replaces_the_differences() -> None:
    identity = make_identity()
    block_store.copy_blocks_compressed(identity.pk, [("hr", block_of(SLOW))])
    stored = SampleBlock.objects.get()
    assert stored.differences is not None
    assert values_of(stored) == SLOW
    changed = [*SLOW[:-1], 99.25]
    block_store.rewrite(identity.pk, [(stored.pk, block_of(changed))])
    stored.refresh_from_db()
    assert stored.differences is None
    assert values_of(stored) == changed
