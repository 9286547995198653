"""The body of a registration: one JSON object with one string ``PSK``."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingest.parsing.registration_json import InvalidJson, is_renewal, parse_object, read_psk


def read(body: bytes) -> str:
    return read_psk(parse_object(body))


READ = {
    "a key": (b'{"PSK": "secret_token"}', "secret_token"),
    "blanks around": (b' \r\n\t{ "PSK" : "a" } \n', "a"),
    "further members": (b'{"PSK": "a", "model": {"x": [1, null]}, "psk": 5}', "a"),
    "an escaped key": (b'{"PS\\u004b": "a"}', "a"),
    "an empty key": (b'{"PSK": ""}', ""),
    "white space around the key": (b'{"PSK": "\\t a b\\r\\n"}', "a b"),
    "a byte order mark around the key": (b'{"PSK": "\\ufeffa\\n"}', "a"),
    "only white space": (b'{"PSK": " \\n\\u00a0"}', ""),
    "a byte order mark": (b'\xef\xbb\xbf{"PSK": "a"}', "a"),
    "beyond ASCII": ('{"PSK": "é\u202e"}'.encode(), "é\u202e"),
    "a NUL": (b'{"PSK": "a\\u0000"}', "a\0"),
    "a lone surrogate": (b'{"PSK": "\\ud800"}', "\ud800"),
}


@pytest.mark.parametrize(("body", "psk"), READ.values(), ids=READ.keys())
def test_a_key_is_read(body: bytes, psk: str) -> None:
    assert read(body) == psk


REFUSED = {
    "nothing": b"",
    "blanks": b"  ",
    "null": b"null",
    "a list": b"[]",
    "a list of one": b'[{"PSK": "a"}]',
    "a string": b'"PSK"',
    "a number": b"5",
    "no member": b"{}",
    "lower case": b'{"psk": "a"}',
    "null as key": b'{"PSK": null}',
    "a boolean as key": b'{"PSK": true}',
    "a number as key": b'{"PSK": 12}',
    "a list as key": b'{"PSK": ["a"]}',
    "an object as key": b'{"PSK": {"PSK": "a"}}',
    "the key twice": b'{"PSK": "a", "PSK": "a"}',
    "another member twice": b'{"PSK": "a", "x": 1, "x": 1}',
    "a member twice further in": b'{"PSK": "a", "x": {"y": 1, "y": 2}}',
    "NaN": b'{"PSK": "a", "x": NaN}',
    "Infinity": b'{"PSK": "a", "x": -Infinity}',
    "something behind": b'{"PSK": "a"} x',
    "two objects": b'{"PSK": "a"}{"PSK": "a"}',
    "cut": b'{"PSK": "a',
    "a comma too many": b'{"PSK": "a",}',
    "single quotes": b"{'PSK': 'a'}",
    "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"PSK": "a"}',
    "a control character": b'{"PSK": "a\x01"}',
    "1,000 brackets": b"[" * 1000,
    "4,000 brackets in a member": b'{"PSK": "a", "x": ' + b"[" * 4000,
    "990 levels, closed": b'{"PSK": "a", "x": ' + b"[" * 990 + b"]" * 990 + b"}}",
    "5,000 digits": b'{"PSK": "a", "x": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        read(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b" ", "is empty"),
        (b'{"PSK": "a', "line 1, column"),
        (b'{\n"PSK": "a",\n}', "line 3, column 1"),
        (b'{"PSK": "a"} x', "line 1, column 14"),
        (b"[]", "no object"),
        (b'{"psk": "a"}', "capital letters"),
        (b'{"PSK": 12}', "not a string"),
        (b'{"PSK": "a", "x": 1, "x": 1}', "two members of one name"),
        (b'{"PSK": "a", "x": NaN}', "NaN"),
        (b"[" * 4000, "too deep"),
        (b'{"PSK": "a", "x": ' + b"9" * 5000 + b"}", "too long a number"),
    ],
)
def test_a_refusal_says_what_is_wrong(body: bytes, words: str) -> None:
    with pytest.raises(InvalidJson, match=words):
        read(body)


@settings(deadline=None)
@given(st.text())
def test_any_key_survives(psk: str) -> None:
    assume(psk[:1].isalnum() and psk[-1:].isalnum())
    assert read(json.dumps({"PSK": psk}).encode()) == psk


@pytest.mark.parametrize(
    "charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp037"]
)
def test_another_encoding_is_refused_by_its_name(charset: str) -> None:
    with pytest.raises(InvalidJson, match="UTF-8"):
        read('{"PSK": "é"}'.encode(charset))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_key_or_a_refusal(body: bytes) -> None:
    try:
        read(body)
    except InvalidJson:
        return


def test_only_true_without_a_key_requests_renewal() -> None:
    assert is_renewal({"roll": True})
    assert is_renewal({"roll": True, "model": "x"})
    others: list[dict[str, object]] = [{}, {"roll": 1}, {"roll": "true"}, {"roll": False}]
    for other in [*others, {"roll": True, "PSK": "a"}]:
        assert not is_renewal(other)
