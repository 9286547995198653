"""Which keys, extensions and usages are accepted, whatever nginx saw of them."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from ingest.parsing.certificate_policy import UnacceptableCertificate, check_policy
from tests.ingest.parsing.certificate_factory import (
    Extension,
    make_certificate,
    odd_certificate,
    rsa_public_key,
)


def key_usage(*allowed: str) -> Extension:
    names = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{name: name in allowed for name in names}), True


def extended_key_usage(*purposes: x509.ObjectIdentifier) -> Extension:
    return x509.ExtendedKeyUsage(purposes), False


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


def reason_against(der: bytes) -> str:
    with pytest.raises(UnacceptableCertificate) as refused:
        check_policy(der)
    return refused.value.reason


@pytest.mark.parametrize(
    "key",
    [
        *(
            ec.generate_private_key(curve).public_key()
            for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
        ),
        *(rsa_public_key(bits) for bits in (2048, 3072, 4096, 8192)),
        ed25519.Ed25519PrivateKey.generate().public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
    ],
    ids=lambda key: f"{type(key).__name__} {getattr(key, 'key_size', '')}",
)
def test_a_strong_key_is_accepted(key: CertificatePublicKeyTypes) -> None:
    check_policy(make_certificate(key=key))


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (rsa_public_key(1024), "key"),
        (rsa_public_key(2047), "key"),
        (rsa_public_key(8193), "key"),
        (x25519.X25519PrivateKey.generate().public_key(), "key"),
        (ec.generate_private_key(ec.SECP192R1()).public_key(), "curve"),
        (ec.generate_private_key(ec.SECP224R1()).public_key(), "curve"),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "curve"),
        (ec.generate_private_key(ec.BrainpoolP256R1()).public_key(), "curve"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_weak_or_unusual_key_is_refused(key: CertificatePublicKeyTypes, reason: str) -> None:
    assert reason_against(make_certificate(key=key)) == reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("dsa", "key"),
        ("explicit_parameters", "curve"),
        ("sect283r1", "curve"),
        ("malformed_extension", "extension"),
    ],
)
def test_an_odd_certificate_is_refused(name: str, reason: str) -> None:
    assert reason_against(odd_certificate(name)) == reason


@pytest.mark.parametrize(
    "name",
    [
        *("md5_signature", "version_1", "negative_serial", "zero_serial", "long_serial"),
        *("rsa_pss", "null_parameters"),
    ],
)
def test_fields_that_do_not_matter_when_pinned_are_accepted(name: str) -> None:
    check_policy(odd_certificate(name))


def test_a_corrupted_self_signature_is_accepted() -> None:
    der = make_certificate()
    check_policy(der[:-1] + bytes([der[-1] ^ 1]))


@pytest.mark.parametrize(
    "extensions",
    [
        [],
        [key_usage("digital_signature")],
        [key_usage("digital_signature", "key_cert_sign")],
        [extended_key_usage(CLIENT)],
        [extended_key_usage(SERVER, CLIENT)],
        [extended_key_usage(ANY, CLIENT)],
        [(x509.BasicConstraints(ca=True, path_length=None), True)],
        [(x509.SubjectAlternativeName([x509.DNSName("device.example")]), True)],
        [(UNKNOWN, False)],
    ],
)
def test_a_usage_by_clients_is_accepted(extensions: list[Extension]) -> None:
    check_policy(make_certificate(extensions=extensions))


@pytest.mark.parametrize(
    ("extensions", "reason"),
    [
        ([key_usage("key_cert_sign")], "usage"),
        ([key_usage("key_encipherment")], "usage"),
        ([key_usage("key_agreement")], "usage"),
        ([extended_key_usage(SERVER)], "usage"),
        ([extended_key_usage(ExtendedKeyUsageOID.CODE_SIGNING)], "usage"),
        ([extended_key_usage(ANY)], "usage"),
        ([key_usage("digital_signature"), extended_key_usage(SERVER)], "usage"),
        ([(UNKNOWN, True)], "extension"),
        ([(x509.TLSFeature([x509.TLSFeatureType.status_request]), True)], "extension"),
    ],
)
def test_another_usage_or_an_unknown_demand_is_refused(
    extensions: list[Extension], reason: str
) -> None:
    assert reason_against(make_certificate(extensions=extensions)) == reason


def test_an_extension_that_comes_twice_is_refused() -> None:
    # Two different numbers of one length, of which one is then made the other.
    first, second = (
        x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.2.3.{n}"), b"\x05\x00") for n in (4, 5)
    )
    der = make_certificate(extensions=[(first, False), (second, False)])
    twice = der.replace(b"\x06\x03\x2a\x03\x05", b"\x06\x03\x2a\x03\x04")
    assert twice != der
    assert reason_against(twice) == "extension"
