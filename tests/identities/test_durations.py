"""Durations as people type them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from identities.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        (" 3650d ", timedelta(days=3650)),
    ],
)
def test_a_number_and_a_unit_are_a_duration(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "d",
        "7w",
        "7D",
        "-1d",
        "+1d",
        "1.5h",
        "1e3s",
        "7 d",
        "1d12h",
        "٧d",
        "0s",
        "3651d",
        "9999999999d",
        "999999999d",
        "7d\n7d",
        "1_000s",
    ],
)
def test_anything_else_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number and s, m, h or d"):
        parse_duration(text)
