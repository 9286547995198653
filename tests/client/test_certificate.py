"""A device's certificate suits TLS client authentication and reveals nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from device_client.certificate import make_credentials, read_facts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def certificate() -> x509.Certificate:
    return x509.load_pem_x509_certificate(make_credentials(NOW))


def test_the_key_is_ec_p256(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_it_is_for_client_authentication_only(
    certificate: x509.Certificate,
) -> None:
    extensions = certificate.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_it_is_signed_by_its_own_key(certificate: x509.Certificate) -> None:
    certificate.verify_directly_issued_by(certificate)


def test_it_is_valid_for_a_year_and_backdated_for_slow_clocks(
    certificate: x509.Certificate,
) -> None:
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc == NOW + timedelta(days=365)


def test_common_names_and_serial_numbers_are_unique() -> None:
    certificates = [x509.load_pem_x509_certificate(make_credentials(NOW)) for _ in range(20)]
    assert len({item.subject.rfc4514_string() for item in certificates}) == 20
    assert len({item.serial_number for item in certificates}) == 20


def test_facts_hold_the_sha256_and_the_expiry() -> None:
    credentials = make_credentials(NOW)
    facts = read_facts(credentials)
    assert len(facts.sha256) == 64
    assert facts.not_after == NOW + timedelta(days=365)


def test_a_key_of_another_certificate_is_an_error() -> None:
    one, two = make_credentials(NOW), make_credentials(NOW)
    certificate = x509.load_pem_x509_certificate(two)
    mixed = one.partition(b"-----BEGIN CERT")[0] + certificate.public_bytes(
        serialization.Encoding.PEM
    )
    with pytest.raises(ValueError, match="do not belong together"):
        read_facts(mixed)
