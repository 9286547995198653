"""Uploads follow RFC 7578, so that a strict parser accepts them."""

from __future__ import annotations

import multipart
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_client.multipart import (
    FilePart,
    choose_boundary,
    content_type,
    encode,
)


def _parse_strictly(body: bytes, boundary: str) -> list[tuple[str, str | None, bytes]]:
    parser = multipart.PushMultipartParser(boundary.encode(), strict=True)
    found: list[tuple[str, str | None, bytes]] = []
    content = bytearray()
    segment = None
    for event in parser.parse(body):
        if isinstance(event, multipart.MultipartSegment):
            segment, content = event, bytearray()
        elif event is None:
            assert segment is not None
            found.append((segment.name, segment.filename, bytes(content)))
        else:
            content += event
    parser.close()
    return found


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True),
            st.from_regex(r"[A-Za-z0-9_. -]{1,80}", fullmatch=True),
            st.binary(max_size=2000),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_a_strict_parser_reads_the_same_files_in_order(
    files: list[tuple[str, str, bytes]],
) -> None:
    parts = [FilePart(*file) for file in files]
    boundary = choose_boundary(parts)
    assert _parse_strictly(encode(parts, boundary), boundary) == files


def test_the_body_matches_the_protocols_example() -> None:
    part = FilePart("hr_measurement", "hr_measurement_2018_05_01", b"1526292559214,95\n")
    assert encode([part], "xyz") == (
        b"--xyz\r\n"
        b'Content-Disposition: form-data; name="hr_measurement"; '
        b'filename="hr_measurement_2018_05_01"\r\n'
        b"Content-Type: text/plain\r\n"
        b"\r\n"
        b"1526292559214,95\n"
        b"\r\n"
        b"--xyz--\r\n"
    )
    assert content_type("xyz") == "multipart/form-data; boundary=xyz"


@pytest.mark.parametrize("evil", ['a"; name="b', "a\r\nX-Evil: 1", "a\nb"])
def test_a_file_name_cannot_break_out_of_its_quotes(evil: str) -> None:
    body = encode([FilePart("hr", evil, b"1,2")], "xyz")
    assert len(_parse_strictly(body, "xyz")) == 1
    assert body.count(b"\r\n") == 6
    assert body.count(b'"') == 4


def test_a_boundary_never_occurs_in_the_content() -> None:
    boundaries = {choose_boundary([FilePart("hr", "f", b"1,2")]) for _ in range(50)}
    assert len(boundaries) == 50
