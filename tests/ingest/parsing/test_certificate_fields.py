"""The stored fields of a certificate are safe to show, and any certificate can be parsed."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from hypothesis import given
from hypothesis import strategies as st

from ingest.escaping import escape
from ingest.parsing.certificate_policy import UnacceptableCertificate, check_policy
from ingest.parsing.certificates import (
    MAX_SUBJECT_LENGTH,
    UnreadableCertificate,
    fingerprint,
    parse,
    remove_algorithm_null,
)
from tests.ingest.parsing.certificate_factory import (
    ODD,
    make_certificate,
    odd_certificate,
    rsa_public_key,
)


def test_parse_returns_bytes_digest_subject_key_and_dates() -> None:
    start, end = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2036, 1, 2, tzinfo=UTC)
    der = make_certificate(name="wrist-7", not_before=start, not_after=end)
    found = parse(der)
    assert (found.der, found.sha256) == (der, fingerprint(der))
    assert (found.subject, found.key_type) == ("CN=wrist-7", "EC P-256")
    assert (found.not_before, found.not_after) == (start, end)
    assert found.not_after.tzinfo is not None


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (ec.generate_private_key(ec.SECP384R1()).public_key(), "EC P-384"),
        (ec.generate_private_key(ec.SECP521R1()).public_key(), "EC P-521"),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "EC secp256k1"),
        (ec.generate_private_key(ec.BrainpoolP384R1()).public_key(), "EC brainpoolP384r1"),
        (rsa_public_key(2048), "RSA 2048"),
        (ed25519.Ed25519PrivateKey.generate().public_key(), "Ed25519"),
        (ed448.Ed448PrivateKey.generate().public_key(), "Ed448"),
        (x25519.X25519PrivateKey.generate().public_key(), "X25519"),
    ],
)
def test_the_key_is_named(key: CertificatePublicKeyTypes, shown: str) -> None:
    assert parse(make_certificate(key=key)).key_type == shown


def test_a_key_that_is_not_known_is_named_by_its_number() -> None:
    assert parse(odd_certificate("sect283r1")).key_type == "unknown (1.2.840.10045.2.1)"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>", r"CN=\<script\>alert(1)\</script\>"),
        ("a\r\nSet-Cookie: b", r"CN=a\x0d\x0aSet-Cookie: b"),
        ("abc\u202egnp.exe", r"CN=abc\u202egnp.exe"),
        ("\u2066\u200b\ufeff", r"CN=\u2066\u200b\ufeff"),
        ("\x1b[31mred", r"CN=\x1b[31mred"),
        ("heart \N{BLACK HEART SUIT} \N{SMILING FACE WITH OPEN MOUTH}", "CN=heart ♥ 😃"),
        ("\U000e0041", r"CN=\U000e0041"),
    ],
)
def test_a_subject_is_safe_to_show(name: str, shown: str) -> None:
    assert parse(make_certificate(name=name)).subject == shown


def test_an_empty_subject_is_empty() -> None:
    assert parse(make_certificate(name=None)).subject == ""


@given(st.text(max_size=600), st.integers(1, 300))
def test_escaped_text_is_printable_and_fits(text: str, longest: int) -> None:
    shown = escape(text, longest)
    assert shown.isprintable()
    assert len(shown) <= longest
    if text.isprintable() and len(text) <= longest:
        assert shown == text


def test_a_long_subject_is_cut() -> None:
    shown = escape("\x00" * 1000, MAX_SUBJECT_LENGTH)
    assert shown.endswith("\\x00…")  # no escape is cut in two
    assert MAX_SUBJECT_LENGTH - 4 < len(shown) <= MAX_SUBJECT_LENGTH


def test_dates_reach_from_1950_to_9999() -> None:
    first = datetime(1950, 1, 1, tzinfo=UTC)
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    found = parse(make_certificate(not_before=first, not_after=last))
    assert (found.not_before, found.not_after) == (first, last)


@pytest.mark.parametrize("name", sorted(file.stem for file in ODD.glob("*.pem")))
def test_an_odd_certificate_can_be_parsed(name: str) -> None:
    assert parse(odd_certificate(name)).subject in ("CN=a", "CN=v1")


def test_a_wrong_null_is_ignored_and_the_digest_is_unchanged() -> None:
    der = odd_certificate("null_parameters")
    assert der.count(bytes.fromhex("06082a8648ce3d0403020500")) == 2
    assert parse(der).der == der
    assert parse(der).sha256 == sha256(der).digest()
    assert remove_algorithm_null(remove_algorithm_null(der)) == remove_algorithm_null(der) != der


def test_only_the_null_is_ignored() -> None:
    der = make_certificate()
    assert remove_algorithm_null(der) == der
    with_integer = odd_certificate("null_parameters").replace(
        bytes.fromhex("06082a8648ce3d0403020500"), bytes.fromhex("06082a8648ce3d0403020200")
    )
    with pytest.raises(UnreadableCertificate):
        parse(with_integer)


@given(junk=st.binary(max_size=200))
def test_junk_is_no_certificate_or_itself(junk: bytes) -> None:
    try:
        assert len(remove_algorithm_null(junk)) <= len(junk)
    except ValueError:
        return


def test_a_subject_that_breaks_the_rules_of_names_is_replaced() -> None:
    der = make_certificate(name="device")
    as_bits = der.replace(b"\x0c\x06device", b"\x03\x06\x00evice")
    assert parse(as_bits).subject == "(unreadable)"


def test_a_version_that_does_not_exist_is_refused() -> None:
    der = make_certificate()
    with pytest.raises(UnreadableCertificate):
        parse(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x57", 1))


DER = make_certificate(padding=20)


@given(at=st.integers(0, len(DER) - 1), new=st.binary(min_size=1, max_size=4))
def test_mutated_bytes_are_read_or_refused(at: int, new: bytes) -> None:
    mutated = DER[:at] + new + DER[at + len(new) :]
    try:
        assert parse(mutated).subject.isprintable()
        check_policy(mutated)
    except (UnreadableCertificate, UnacceptableCertificate):
        return
