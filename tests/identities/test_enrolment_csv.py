"""The list of a bulk enrolment as spreadsheets save it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities.enrolment.csv_file import Defaults, InvalidEnrolment, decode, parse

CASES = Path(__file__).parents[1] / "data" / "cases"
DEFAULTS = Defaults(note="", max_uses=1, valid_for=timedelta(days=7))


def test_trailing_semicolons_are_ignored() -> None:
    content = (CASES / "15_enrolment_trailing_semicolon.csv").read_bytes()
    rows, errors = parse(decode(content), DEFAULTS)
    assert [(row.line, row.identity, row.note) for row in rows] == [(2, "ward-1", "band 1")]
    assert errors == []


@given(
    st.sampled_from([",", ";", "\t"]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
)
def test_empty_columns_change_nothing(
    delimiter: str, before: int, between: int, behind: int, in_every_row: bool
) -> None:
    def row(first: str, second: str, behind: int) -> str:
        cells = [""] * before + [first] + [""] * between + [second] + [""] * behind
        return delimiter.join(cells)

    head = row("identity", "note", behind if in_every_row else 0)
    rows, errors = parse(f"{head}\n{row('ward-1', 'band 1', behind)}\n", DEFAULTS)
    assert [(found.identity, found.note) for found in rows] == [("ward-1", "band 1")]
    assert errors == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("identity,,note\na,b,c\n", "'b' is in a column without a name"),
        ("identity,,\na,,c\n", "3 columns where the header has 1"),
        ("identity,note\na\n", "1 columns where the header has 2"),
    ],
)
def test_a_value_without_a_column_is_an_error(text: str, wrong: str) -> None:
    rows, [error] = parse(text, DEFAULTS)
    assert rows == []
    assert (error.line, error.wrong) == (2, wrong)


def test_a_misplaced_quotation_mark_is_told_in_plain_words() -> None:
    with pytest.raises(InvalidEnrolment) as refused:
        parse('identity,note\n"a"b,c\n', DEFAULTS)
    [error] = refused.value.errors
    assert error.line == 2
    assert "quotation mark" in error.wrong
