"""Framing: whole parts come out as they went in, anything else is refused whole."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingest.parsing.multipart_form import TooManyFiles
from ingest.parsing.part_headers import InvalidMultipart
from tests.ingest.parsing.multipart_factory import frame, parse_form, sent_parts

FILE = b"1526292559214,95\r\n1526292559839,96\r\n"
ONE = frame([("hr", "monday", FILE)])
TWO = frame([("hr", "monday", FILE), ("ibi", None, b"1526292559214,630\n")])

names = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789_.-", min_size=1, max_size=64)
boundary_characters = "ABCabc0189'()+_,-./:=?"
boundaries = st.text(boundary_characters, min_size=1, max_size=70)
contents = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from([b"\r\n", b"\n", b"\r", b"-", b"--", b"---", b"B", b"152,9", b"\x00"]),
        max_size=30,
    ).map(b"".join),
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(names, names, contents), min_size=1, max_size=4),
    boundaries,
    st.booleans(),
)
def test_parsing_returns_the_sent_parts(
    parts: list[tuple[str, str, bytes]], boundary: str, lenient: bool
) -> None:
    delimiter = b"\r\n--" + boundary.encode()
    assume(all(delimiter not in b"\r\n" + content + b"\r\n" for _, _, content in parts))
    framed = parse_form(frame(parts, boundary), boundary, lenient=lenient)
    assert not framed.lenient
    assert sent_parts(framed) == parts
    assert framed.ignored == []


@settings(deadline=None)
@given(
    st.lists(st.tuples(names, names, contents), min_size=1, max_size=3),
    st.text("ABCabc0189", min_size=1, max_size=20),
    st.integers(0, 7),
    st.integers(0, 7),
)
def test_a_wrong_number_of_dashes_changes_no_data(
    parts: list[tuple[str, str, bytes]], core: str, announced: int, sent: int
) -> None:
    boundary, delimiter = "-" * announced + core, "-" * sent + core
    lines = b"".join(b"\r\n" + content + b"\r\n" for _, _, content in parts)
    assume(not any(b"\r\n" + b"-" * dashes + core.encode() in lines for dashes in range(10)))
    framed = parse_form(frame(parts, delimiter=delimiter), boundary)
    assert framed.lenient == (sent != announced + 2)
    assert sent_parts(framed) == [(name, filename, content) for name, filename, content in parts]


@pytest.mark.parametrize("body", [ONE, TWO], ids=["one part", "two parts"])
@pytest.mark.parametrize("lenient", [True, False])
def test_a_body_cut_at_any_byte_yields_nothing(body: bytes, lenient: bool) -> None:
    end = len(body) - 2  # the CRLF after the closing delimiter may be missing
    for cut in range(end):
        with pytest.raises(InvalidMultipart):
            parse_form(body[:cut], lenient=lenient)
    for cut in (end, end + 1):
        assert parse_form(body[:cut], lenient=lenient) == parse_form(body, lenient=lenient)


@pytest.mark.parametrize("boundary", ["B", "---B"])
def test_a_lenient_body_cut_at_any_byte_is_refused(
    boundary: str,
) -> None:
    body = frame([("hr", "monday", FILE), ("ibi", None, FILE)], delimiter=boundary)
    for cut in range(len(body) - 2):
        with pytest.raises(InvalidMultipart):
            parse_form(body[:cut], boundary)
    assert len(parse_form(body[:-2], boundary).parts) == 2


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=40), st.booleans())
def test_only_white_space_may_follow_the_closing_delimiter(tail: bytes, with_crlf: bool) -> None:
    assume(tail.strip(b" \t\r\n"))
    with pytest.raises(InvalidMultipart):
        parse_form((TWO if with_crlf else TWO[:-2]) + tail)


@settings(deadline=None)
@given(
    st.text(" \t", max_size=5),
    st.text(" \t\r\n", max_size=20),
    st.sampled_from(["--B", "B", "----B"]),
)
def test_padding_and_white_space_at_the_end_change_nothing(
    padding: str, epilogue: str, delimiter: str
) -> None:
    files = [("hr", "monday", FILE), ("ibi", "tuesday", b"1526292559214,630\n")]
    plain = frame(files, delimiter=delimiter)
    assume(delimiter == "--B" or b"\r\n--B" not in plain)
    line = delimiter.encode()
    padded = plain.replace(line + b"\r\n", line + padding.encode() + b"\r\n")
    ending = padded[:-2] + padding.encode() + epilogue.encode()
    assert parse_form(ending, "B") == parse_form(plain, "B")
    for cut in range(len(padded) - 2):
        with pytest.raises(InvalidMultipart):
            parse_form(padded[:cut], "B")


@pytest.mark.parametrize("tail", [b"\0", b"--", b"\r\n\0", ONE])
def test_data_like_the_closing_delimiter_do_not_end_a_part(tail: bytes) -> None:
    with pytest.raises(InvalidMultipart):
        parse_form(ONE[:-2] + tail)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_parts_or_a_refusal(body: bytes) -> None:
    try:
        framed = parse_form(b"--B\r\n" + body)
    except InvalidMultipart:
        return
    assert framed.parts


def test_a_preamble_of_one_kilobyte_is_passed_over() -> None:
    assert parse_form(b"x" * 1022 + b"\r\n" + ONE) == parse_form(ONE)


def test_a_longer_preamble_is_refused() -> None:
    with pytest.raises(InvalidMultipart):
        parse_form(b"x" * 1023 + b"\r\n" + ONE)


def test_the_boundary_within_a_line_is_data() -> None:
    content = b"1526292559214,95--B\r\n--A\r\n1--B--\r\n"
    assert parse_form(frame([("hr", "f", content)])).parts[0].content == content


def test_files_up_to_the_limit_are_accepted() -> None:
    files = [(f"series-{number}", None, FILE) for number in range(5)]
    assert len(parse_form(frame(files), max_files=5).parts) == 5
    with pytest.raises(TooManyFiles):
        parse_form(frame(files), max_files=4)


REFUSED = {
    "nothing at all": b"",
    "only the closing delimiter": b"--B--\r\n",
    "a preamble and the closing delimiter": b"hello\r\n--B--\r\n",
    "another boundary": frame([("hr", "f", FILE)], "C"),
    "something behind a padded delimiter": ONE.replace(b"--B\r\n", b"--B \tx\r\n"),
    "the last delimiter without dashes": ONE[:-4] + b"\r\n",
    "the last delimiter with one dash": ONE[:-4] + b"-\r\n",
    "line feeds only": ONE.replace(b"\r\n", b"\n"),
    "carriage returns only": ONE.replace(b"\r\n", b"\r"),
    "no Content-Disposition": b"--B\r\nContent-Type: text/plain\r\n\r\n1,2\r\n--B--\r\n",
    "no header at all": b"--B\r\n\r\n1,2\r\n--B--\r\n",
    "no name": b'--B\r\nContent-Disposition: form-data; filename="f"\r\n\r\n1,2\r\n--B--\r\n',
    "a folded part header": ONE.replace(b"; filename", b";\r\n filename"),
    "a part header without a colon": ONE.replace(b"; filename", b";\r\nfilename"),
    "a part header of 8 KB": ONE.replace(b"monday", b"m" * 8192),
    "20 part headers": ONE.replace(b"\r\n\r\n", b"\r\nX-A: b" * 20 + b"\r\n\r\n", 1),
    "a part within a part": ONE.replace(
        b"\r\n\r\n", b"\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n", 1
    ),
    "base64": ONE.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1),
    "quoted-printable": ONE.replace(
        b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\n", 1
    ),
    "a delimiter with something behind it": ONE.replace(b"--B\r\n", b"--Bx\r\n"),
    "two names": ONE.replace(b'name="hr"', b'name="hr"; Name="ibi"'),
    "two dispositions": ONE.replace(
        b"\r\n\r\n", b'\r\ncontent-disposition: form-data; name="ibi"\r\n\r\n', 1
    ),
    "two encodings": ONE.replace(
        b"\r\n\r\n",
        b"\r\nContent-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        1,
    ),
    "an attachment, not form-data": ONE.replace(b"form-data", b"attachment"),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_damaged_framing_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMultipart) as refused:
        parse_form(body)
    assert str(refused.value).isascii()
    assert 10 < len(str(refused.value)) < 200
    jargon = ("segment", "parser", "stream", "Unexpected", "option", "boundary in", "Error")
    assert not any(word in str(refused.value) for word in jargon)


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "binary", "BINARY"])
def test_encodings_that_change_nothing_are_accepted(encoding: str) -> None:
    head = f"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    assert sent_parts(parse_form(ONE.replace(b"\r\n\r\n", head, 1))) == [("hr", "monday", FILE)]


@pytest.mark.parametrize(
    "filename",
    [
        *("../../etc/passwd", "..", "<b>", "\u202e\u00e9", "a;b=c", "a; name=b", "", "a\0b"),
        *("x" * 300, " blanks ", "C:\\"[:2], "100%.csv", "a=b", "it's"),
    ],
)
def test_a_file_name_is_kept_as_sent(filename: str) -> None:
    assert parse_form(frame([("hr", filename, FILE)])).parts[0].filename == filename


def test_the_charset_of_a_part_is_ignored() -> None:
    head = b"\r\nContent-Type: text/plain; charset=klingon\r\n\r\n"
    assert sent_parts(parse_form(ONE.replace(b"\r\n\r\n", head, 1))) == [("hr", "monday", FILE)]


@pytest.mark.parametrize("length", [b"0", b"1", b"99999", b"-1", b"1e3", b"9" * 4000])
def test_the_length_of_a_part_is_ignored(length: bytes) -> None:
    header = b"\r\nContent-Length: " + length
    for headers in (header, header * 2):
        body = ONE.replace(b"\r\n\r\n", headers + b"\r\n\r\n", 1)
        assert parse_form(body) == parse_form(ONE)


def test_data_like_the_corrected_delimiter_are_refused() -> None:
    inner = FILE + b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n1,2'
    body = frame([("hr", "f", inner)], delimiter="B")
    try:
        parts = parse_form(body).parts
    except InvalidMultipart:
        return
    assert [part.content for part in parts] == [inner]


def test_a_first_part_whose_delimiter_is_damaged_is_no_preamble() -> None:
    body = frame([("hr", "f", FILE), ("hr", "g", FILE)])
    assert len(parse_form(body).parts) == 2
    for damaged in (body[1:], b"x" + body, body.replace(b"--", b"-_", 1), body[:3] + body[4:]):
        with pytest.raises(InvalidMultipart):
            parse_form(damaged)
