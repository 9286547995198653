"""The boundary parameter of a multipart ``Content-Type``."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing.multipart_form import read_boundary, read_media_type
from ingest.parsing.part_headers import InvalidMultipart

FORM = "multipart/form-data; "


@pytest.mark.parametrize(
    ("parameter", "boundary"),
    [
        ("boundary=B", "B"),
        ('boundary="B"', "B"),
        ("BOUNDARY=B", "B"),
        ("charset=utf-8; boundary=B", "B"),
        ('boundary="with a blank"', "with a blank"),
        ("boundary=-----9051914041544843365972754266", "-----9051914041544843365972754266"),
        ("boundary=" + "b" * 70, "b" * 70),
        ('charset="; boundary=C"; boundary=B', "B"),
        ('boundary="a\\"b"', 'a"b'),
        ('boundary="B "', "B"),
        ("boundary = B ; charset=utf-8", "B"),
        ("boundary=a'()+_,-./:=?z", "a'()+_,-./:=?z"),
    ],
)
def test_a_boundary_is_read(parameter: str, boundary: str) -> None:
    assert read_boundary(FORM + parameter) == boundary


@pytest.mark.parametrize("comma", [",", ", ", " ,\t"])
def test_the_comma_of_rfc_1867_is_read(comma: str) -> None:
    content_type = f"Multipart/Form-Data{comma}Boundary=a,b=c; charset=utf-8"
    assert read_media_type(content_type) == "multipart/form-data"
    assert read_boundary(content_type) == "a,b=c"


@pytest.mark.parametrize(
    "content_type",
    ["application/json, multipart/form-data", "multipart/form-data, application/json", ",", ""],
)
def test_two_media_types_are_not_one(content_type: str) -> None:
    assert read_media_type(content_type) == content_type


@pytest.mark.parametrize(
    "parameter",
    [
        "",
        "boundary=",
        'boundary=""',
        "boundary",
        "charset=utf-8",
        "boundary=" + "b" * 71,
        "boundary=B; boundary=B",
        'boundary="b\x01"',
        'boundary="b',
        'boundary="é"',
    ],
)
def test_an_invalid_boundary_is_refused(parameter: str) -> None:
    with pytest.raises(InvalidMultipart):
        read_boundary(FORM + parameter)


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_parameter_is_a_boundary_or_a_refusal(parameter: str) -> None:
    try:
        boundary = read_boundary(FORM + parameter)
    except InvalidMultipart:
        return
    assert 1 <= len(boundary) <= 70
