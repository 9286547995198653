"""The example of the protocol document, in each reading of its typeset boundary.

The document breaks its ``Content-Type`` line within the boundary, and its delimiter lines carry
five dashes. Where the line break goes away, the header names five dashes or six; by RFC 7578 it
would have to name three.
"""

from __future__ import annotations

import pytest

from ingest.parsing.multipart_form import read_boundary
from ingest.parsing.part_headers import InvalidMultipart
from tests.ingest.parsing.multipart_factory import parse_form, sent_parts

NUMBER = "9051914041544843365972754266"
LINES = (
    b"1526292559214,95\r\n1526292559839,96\r\n1526292560397,95\r\n1526292560919,97\r\n"
    b"1526292561361,98\r\n1526292561911,95\r\n1526292562392,94\r\n"
)
BODY = (
    b"-----9051914041544843365972754266\r\n"
    b'Content-Disposition: form-data; name="hr_measurement"; '
    b'filename="hr_measurement_2018_05_01"\r\n'
    b"Content-Type: text/plain\r\n"
    b"\r\n" + LINES + b"\r\n"
    b"-----9051914041544843365972754266--"
)
READINGS = {
    "as RFC 7578 wants it": "---" + NUMBER,
    "the delimiter is the boundary": "-----" + NUMBER,
    "the header has one dash more": "------" + NUMBER,
    "the line break has become a blank": "----- -" + NUMBER,
}
LENIENT = {name: boundary for name, boundary in READINGS.items() if boundary != "---" + NUMBER}


@pytest.mark.parametrize("boundary", READINGS.values(), ids=READINGS.keys())
@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["no CRLF at the end", "CRLF at the end"])
def test_the_example_is_accepted(boundary: str, end: bytes) -> None:
    parsed = read_boundary(f"multipart/form-data; boundary={boundary}")
    framed = parse_form(BODY + end, parsed)
    assert sent_parts(framed) == [("hr_measurement", "hr_measurement_2018_05_01", LINES)]
    assert framed.parts[0].content_type == "text/plain"
    assert framed.lenient == (boundary != "---" + NUMBER)


@pytest.mark.parametrize("boundary", LENIENT.values(), ids=LENIENT.keys())
def test_the_example_is_refused_where_leniency_is_off(boundary: str) -> None:
    with pytest.raises(InvalidMultipart):
        parse_form(BODY, boundary, lenient=False)


def test_the_correct_reading_needs_no_leniency() -> None:
    framed = parse_form(BODY, "---" + NUMBER, lenient=False)
    assert sent_parts(framed)[0][2] == LINES


def test_another_number_is_another_boundary() -> None:
    with pytest.raises(InvalidMultipart):
        parse_form(BODY, "-----" + NUMBER[:-1] + "7")
