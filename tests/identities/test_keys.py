"""The text form of keys: random, recognisable, safe against typing errors."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities import keys

PREFIXES = [keys.PSK_PREFIX, keys.TOKEN_PREFIX]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_key_is_its_prefix_27_random_and_6_check_characters(prefix: str) -> None:
    key = keys.generate(prefix)
    assert re.fullmatch(rf"{prefix}[0-9A-Za-z]{{33}}", key)
    assert keys.is_well_formed(key, prefix)


def test_no_two_keys_are_alike() -> None:
    assert len({keys.generate(keys.PSK_PREFIX) for _ in range(1000)}) == 1000


def test_a_key_of_one_kind_is_not_a_key_of_another() -> None:
    assert not keys.is_well_formed(keys.generate(keys.TOKEN_PREFIX), keys.PSK_PREFIX)


KEYS = st.builds(keys.generate, st.just(keys.PSK_PREFIX))


@given(key=KEYS, data=st.data())
def test_any_one_character_typed_wrong_is_noticed(key: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.characters().filter(lambda character: character != key[place]))
    assert not keys.is_well_formed(key[:place] + other + key[place + 1 :], keys.PSK_PREFIX)


@given(key=KEYS, data=st.data())
def test_a_character_left_out_or_put_in_is_noticed(key: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key)))
    put_in = data.draw(st.characters())
    assert not keys.is_well_formed(key[:place] + put_in + key[place:], keys.PSK_PREFIX)
    assert not keys.is_well_formed(key[:place][:-1] + key[place:], keys.PSK_PREFIX) or place == 0


@given(text=st.text())
def test_other_text_is_no_key(text: str) -> None:
    assert not keys.is_well_formed(text, keys.PSK_PREFIX)


def test_what_is_kept_of_a_key_is_its_sha256_and_four_characters() -> None:
    key = keys.generate(keys.PSK_PREFIX)
    assert keys.digest(key) == hashlib.sha256(key.encode()).digest()
    assert keys.hint(key) == key[:9] + "…"
