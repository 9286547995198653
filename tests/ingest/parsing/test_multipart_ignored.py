"""Parts of a form that are no files are ignored by name; everything else is a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.multipart_form import TooManyFiles
from ingest.parsing.part_headers import InvalidMultipart
from tests.ingest.parsing.multipart_factory import Sent, frame, parse_form, sent_parts

FILE = ("hr", "monday", b"1526292559214,95\n")
IGNORED: list[Sent] = [
    ("device_id", None, b"unit-7"),
    ("empty", None, b""),
    ("note", None, b"x" * 1024),
    ("number", None, b"12345678"),
    ("phone", None, b"+49 123456789\nat 123456789"),
    ("ibi", "", b""),
]
FILES: list[Sent] = [
    ("hr", None, b"1526292559214,95"),
    ("hr", None, b"time,value\n1526292559214,95\n"),
    ("hr", None, b"\xef\xbb\xbf1526292559214,95"),
    ("hr", None, b"123456789"),
    ("hr", None, b"x" * 1025),
    ("hr", "", b"x"),
    ("hr", "f", b""),
    ("hr", "f", b"unit-7"),
]


@pytest.mark.parametrize("part", IGNORED, ids=lambda part: part[0])
def test_a_part_that_is_no_file_is_ignored(part: Sent) -> None:
    for parts in ([part, FILE], [FILE, part]):
        form = parse_form(frame(parts))
        assert sent_parts(form) == [FILE]
        assert form.ignored == [part[0]]


@pytest.mark.parametrize("part", FILES)
def test_any_other_part_is_a_file(part: Sent) -> None:
    form = parse_form(frame([part]))
    assert sent_parts(form) == [(part[0], part[1] or "", part[2])]
    assert form.ignored == []


def test_a_form_without_a_file_is_refused() -> None:
    with pytest.raises(InvalidMultipart, match="no file"):
        parse_form(frame(IGNORED))


def test_ignored_parts_count_towards_the_limit() -> None:
    assert parse_form(frame([FILE, *IGNORED]), max_files=len(IGNORED) + 1).parts
    with pytest.raises(TooManyFiles):
        parse_form(frame([FILE, *IGNORED]), max_files=len(IGNORED))


def test_an_empty_part_may_lack_the_line_break_after_its_headers() -> None:
    body = frame([("ibi", "", b""), FILE]).replace(b"\r\n\r\n\r\n--B", b"\r\n\r\n--B", 1)
    form = parse_form(body)
    assert (sent_parts(form), form.ignored) == ([FILE], ["ibi"])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from([None, "", "f"]),
            st.sampled_from([b"", b"unit", b"a\n123456789,1\n", b"12345678\n1", b"x" * 1025]),
        ),
        max_size=5,
    )
)
def test_every_part_is_a_file_or_told(parts: list[Sent]) -> None:
    def is_file(part: Sent) -> bool:
        _, filename, content = part
        if filename is None:
            starts = [line[:9] for line in content.split(b"\n")]
            return len(content) > 1024 or any(
                len(start) == 9 and start.isdigit() for start in starts
            )
        return filename != "" or content != b""

    form = parse_form(frame([*parts, FILE]))
    files = [part for part in [*parts, FILE] if is_file(part)]
    assert sent_parts(form) == [(name, filename or "", data) for name, filename, data in files]
    assert form.ignored == [part[0] for part in parts if not is_file(part)]
