"""The header is read strictly: one whole certificate or none, never a damaged one's digest."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.parsing.certificates import (
    MAX_DER_BYTES,
    UnreadableCertificate,
    decode,
    fingerprint,
    parse,
)
from tests.ingest.parsing.certificate_factory import header_of, make_certificate, pem_of

DER = make_certificate()
PEM = pem_of(DER)
HEADER = header_of(DER)


def test_a_certificate_comes_out_as_it_went_in() -> None:
    assert decode(HEADER) == DER


def test_the_fingerprint_is_the_sha256_of_the_der() -> None:
    assert fingerprint(decode(HEADER)) == hashlib.sha256(DER).digest()


def test_the_last_line_end_may_be_missing() -> None:
    assert decode(HEADER.removesuffix("%0A")) == DER


@pytest.mark.parametrize("padding", [5_000, 12_000])
def test_a_large_certificate_is_read(padding: int) -> None:
    der = make_certificate(padding=padding)
    assert decode(header_of(der)) == der
    assert parse(der).der == der


def test_the_largest_size_is_read_and_a_byte_more_is_not() -> None:
    largest = bytes(MAX_DER_BYTES)
    assert decode(header_of(largest)) == largest
    with pytest.raises(UnreadableCertificate) as refused:
        decode(header_of(largest + b"\0"))
    assert refused.value.reason == "size"


@pytest.mark.parametrize("size", [60_000, 1_000_000])
def test_an_oversized_certificate_is_refused(size: int) -> None:
    with pytest.raises(UnreadableCertificate) as refused:
        decode(header_of(bytes(size)))
    assert refused.value.reason == "size"


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        ("", "pem"),
        ("(null)", "pem"),
        ("%", "pem"),
        (quote(PEM.replace("CERTIFICATE", "PUBLIC KEY")), "pem"),
        (" " + HEADER, "pem"),
        (HEADER + " ", "pem"),
        (HEADER + "," + HEADER, "base64"),
        (HEADER + HEADER, "base64"),
        (HEADER.replace("%0A", "%0D%0A"), "pem"),
        (HEADER.replace("%0A", "\t"), "pem"),
        (HEADER.replace("%0A", "%0", 2), "pem"),
        (quote(PEM.replace("M", "!", 1)), "base64"),
        (quote(PEM[:200] + PEM[201:]), "base64"),
        (quote(PEM[:200] + " " + PEM[200:]), "base64"),
        (quote(PEM[:200] + "=" + PEM[200:]), "base64"),
        (quote("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), "size"),
        (quote("-----BEGIN CERTIFICATE-----"), "pem"),
        ("\ud800", "pem"),
        (HEADER.replace("M", "\uff2d", 1), "pem"),
    ],
)
def test_anything_else_is_refused(damaged: str, reason: str) -> None:
    with pytest.raises(UnreadableCertificate) as refused:
        decode(damaged)
    assert refused.value.reason == reason


@pytest.mark.parametrize("der", [b"0", DER + b"\0", DER[:-1], DER + DER, b"\x30\x80" + DER[4:]])
def test_bytes_that_are_not_one_der_certificate_are_refused(der: bytes) -> None:
    with pytest.raises(UnreadableCertificate) as refused:
        parse(der)
    assert refused.value.reason == "der"


@given(st.text(max_size=300))
@example("%00")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        decode(text)
    except UnreadableCertificate:
        return
    pytest.fail("a random text is no certificate")


@given(
    at=st.integers(0, len(HEADER) - 1),
    length=st.integers(0, 40),
    new=st.text(st.characters(max_codepoint=0x2FF), max_size=40),
)
def test_a_mutated_header_is_read_or_refused(at: int, length: int, new: str) -> None:
    mutated = HEADER[:at] + new + HEADER[at + length :]
    try:
        parse(decode(mutated))
    except UnreadableCertificate:
        return
