"""The page of unreadable files lists every hint of the code, each with an example that gets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.parsing import measurement_file_errors as hints
from ingest.parsing.measurement_file import read_measurement_file
from ingest.parsing.measurement_file_lines import UnreadableContent
from ingest.parsing.samples import FileLimits, TimeWindow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "unreadable-files.md"
GOOD = "1526292559000,95\n"
WINDOW = TimeWindow(946_684_800_000, 1_900_000_000_000)
OTHER_EXAMPLES = (
    (hints.DECIMAL_COMMA, f"{GOOD}1526292559214,95,5"),
    (hints.MORE_FIELDS, f"{GOOD}1526292559214,95,x"),
    (hints.FEWER_FIELDS, "1526292559000,1,2\n1526292559214,95"),
    (hints.NO_VALUE, "1526292559214,,"),
    (hints.OVERFLOW, "1526292559214,1e400"),
    (hints.ERASED_TAIL, f"{GOOD}\\xff\\xff\\xff\\xff"),
    (hints.HEADER_QUOTES, 'time,"x"'),
    (hints.HEADER_LENGTH, f"time,{'x' * 65}"),
    (hints.SECONDS, "1526292559,95"),
    (hints.MICROSECONDS, "1526292559214000,95"),
    (hints.OUTSIDE_WINDOW, "915148800000,95"),
)


def list_hints() -> Iterator[tuple[str, str]]:
    """Yield each hint with a file that gets it; bytes that are no text are written as escapes."""
    for rule in (*hints.LINE_RULES, *hints.TIME_RULES, *hints.VALUE_RULES):
        yield rule.hint, rule.example
    yield from OTHER_EXAMPLES


def write_table() -> str:
    rows = [
        f"| `{example or '(an empty line)'}` | {re.sub(r'{[a-z]+}', '…', hint)} |".replace(
            "\n", "⏎"
        ).replace("|9", "\\|9")
        for hint, example in list_hints()
    ]
    return "\n".join(["| file | hint |", "|---|---|", *rows])


def test_the_table_is_that_of_the_code() -> None:
    assert write_table() in PAGE.read_text()


@pytest.mark.parametrize(("hint", "example"), [*list_hints()], ids=lambda text: text[:40])
def test_an_example_gets_its_hint(hint: str, example: str) -> None:
    content = example.encode().decode("unicode_escape").encode("latin-1")
    # Where the first line is a header line, or empty, a good line has to come first.
    is_header_allowed = hint not in (hints.HEADER_QUOTES, hints.HEADER_LENGTH)
    starts_file = example[:1].isalpha() or example.startswith("\\xef")
    if (starts_file and is_header_allowed) or not example:
        content = GOOD.encode() + content + b"\n" + GOOD.encode()
    with pytest.raises(UnreadableContent) as refusal:
        read_measurement_file(content, WINDOW, FileLimits(100, 100))
    wanted = hint.partition("{")[0].strip()
    assert any(wanted in error.hint for error in refusal.value.errors), refusal.value.errors
