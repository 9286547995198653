"""File names in any character set, and headers of any bytes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.parsing.part_headers import InvalidMultipart, read_part_headers

DISPOSITION = b'Content-Disposition: form-data; name="hr"'


def filename_of(parameters: bytes) -> str | None:
    headers, _ = read_part_headers(DISPOSITION + parameters + b"\r\n\r\n", 0)
    assert headers.name == "hr"
    return headers.filename


@pytest.mark.parametrize(
    ("filename", "charset"),
    [
        ("grün.csv", "utf-8"),
        ("grün.csv", "latin-1"),
        ("ÄÖÜ.csv", "latin-1"),
        ("Ångström.csv", "latin-1"),
        ("心拍.csv", "utf-8"),
        ("心拍.csv", "shift_jis"),
        ("ハート.csv", "cp932"),
        ("ソ表", "shift_jis"),  # ends in the byte of a backslash
        ("пульс.csv", "utf-8"),
    ],
)
def test_a_file_name_is_decoded(filename: str, charset: str) -> None:
    assert filename_of(b'; filename="' + filename.encode(charset) + b'"') == filename
    assert filename_of(b"; filename=" + filename.encode(charset)) == filename


def test_bytes_of_no_known_charset_are_latin_1() -> None:
    assert filename_of(b'; filename="\xff\xfe\x81.csv"') == "ÿþ\x81.csv"


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        ("; filename*=utf-8''gr%C3%BCn.csv", "grün.csv"),
        ("; filename*=UTF-8'de'gr%c3%bcn.csv", "grün.csv"),
        ("; filename*=iso-8859-1''gr%FCn.csv", "grün.csv"),
        ("; filename*=shift_jis'ja'%90S.csv", "心.csv"),
        ("; filename=\"gr?n.csv\"; filename*=utf-8''gr%C3%BCn.csv", "grün.csv"),
        ("; filename*=utf-8''gr%C3%BCn.csv; filename=\"gr?n.csv\"", "grün.csv"),
        ("; filename*=utf-8''gr%FCn.csv", "grün.csv"),
        ("; filename*=klingon''gr%C3%BCn.csv", "grün.csv"),
        ("; filename*=zip''a%00", "a\0"),
        ("; filename*=\"utf-8''gr%C3%BCn.csv\"", "grün.csv"),
        ("; filename*=gr%C3%BCn.csv", "grün.csv"),
        ("; filename*=broken; filename=a.csv", "a.csv"),
        ("; filename*=utf-8''", ""),
        ("; filename*0*=utf-8''gr%C3; filename*1*=%BCn; filename*2=.csv", "grün.csv"),
        ('; filename*0="a long "; filename*1="name.csv"', "a long name.csv"),
        ("; FileName = a.csv ", "a.csv"),
        ("; filename=two words.csv; x=y", "two words.csv"),
        ('; filename="a\\"b"', 'a"b'),
        ('; filename="a%22b"', 'a"b'),
        ('; filename="a"b"', "a"),
        ('; filename="a', "a"),
        ('; filename="C:\\"; x=y', ""),
        ('; filename="C:\\data\\a.csv"', "a.csv"),
        ('; filename="a"; filename="b"', "a"),
        ("; filename", None),
        ("", None),
    ],
)
def test_a_file_name_is_found(parameters: str, filename: str | None) -> None:
    assert filename_of(parameters.encode()) == filename


@given(st.binary(max_size=60).filter(lambda name: b"\r\n" not in name and b'"' not in name))
@example(b"\\")
@example(b"\x95\\")
def test_no_file_name_is_a_reason_to_refuse(filename: bytes) -> None:
    assert filename_of(b'; filename="' + filename + b'"') is not None
    assert filename_of(b"; filename*=" + filename.replace(b";", b"")) is not None


@given(st.lists(st.binary(max_size=60), max_size=4).map(b"\r\n".join))
def test_header_bytes_are_text_or_a_refusal(content: bytes) -> None:
    for headers in (content, DISPOSITION + b"\r\n" + content, DISPOSITION + b"; " + content):
        try:
            found, start = read_part_headers(headers + b"\r\n\r\n", 0)
        except InvalidMultipart as refusal:
            assert str(refusal).isascii()
        else:
            (found.name + (found.filename or "") + found.content_type).encode()
            assert (headers + b"\r\n\r\n")[start - 2 : start] == b"\r\n"
