"""Which clients the TLS of the device API serves, and with which certificate."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from device_endpoint import nginx_config
from device_endpoint.doctor import endpoints, filesystem
from tests.support.devices import Device, self_signed

CBC_ONLY = "ECDHE-RSA-AES128-SHA"
OLD_MODEM = "AES128-SHA"  # static RSA and CBC


@pytest.fixture
def rsa_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Configure an RSA certificate beside the generated one and return its file."""
    key = rsa.generate_private_key(65537, 2048)
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = self_signed(
        key, "localhost", now - timedelta(days=1), now + timedelta(days=90), [(names, False)]
    )
    pem = serialization.Encoding.PEM
    certificate_file, key_file = tmp_path / "rsa.crt", tmp_path / "rsa.key"
    certificate_file.write_bytes(certificate.public_bytes(pem))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SERVER_CERTIFICATE_RSA", str(certificate_file))
    monkeypatch.setenv("SERVER_KEY_RSA", str(key_file))
    return certificate_file


def handshake(
    device: Device, ca_file: Path, ciphers: str = "", version: ssl.TLSVersion | None = None
) -> tuple[type, str]:
    """Return the kind of the server's key, and the cipher, of a TLS 1.2 or newer connection."""
    context = ssl.create_default_context(cafile=str(ca_file))
    context.load_cert_chain(device.certificate_file, device.key_file)
    if ciphers:
        context.set_ciphers(ciphers)
    if version:
        context.maximum_version = version
    with device.connect(context=context) as connection:
        der = connection.getpeercert(binary_form=True)
        cipher = connection.cipher()
    assert der
    assert cipher
    key = x509.load_der_x509_certificate(der).public_key()
    return (rsa.RSAPublicKey if isinstance(key, rsa.RSAPublicKey) else type(key)), cipher[0]


def test_without_an_rsa_certificate_only_ecdsa_is_spoken(
    start_nginx: Callable[[], Device],
) -> None:
    device = start_nginx()
    kind, _ = handshake(device, device.ca_file)
    assert issubclass(kind, ec.EllipticCurvePublicKey)
    with pytest.raises(ssl.SSLError):
        handshake(device, device.ca_file, "aRSA", ssl.TLSVersion.TLSv1_2)


def test_an_rsa_only_client_gets_the_rsa_certificate(
    start_nginx: Callable[[], Device], rsa_certificate: Path
) -> None:
    device = start_nginx()
    for version in (None, ssl.TLSVersion.TLSv1_2):
        kind, _ = handshake(device, device.ca_file, version=version)
        assert issubclass(kind, ec.EllipticCurvePublicKey)
    kind, cipher = handshake(device, rsa_certificate, "aRSA", ssl.TLSVersion.TLSv1_2)
    assert kind is rsa.RSAPublicKey
    assert cipher in nginx_config.TLS_CIPHERS
    for old in (CBC_ONLY, OLD_MODEM):
        with pytest.raises(ssl.SSLError):
            handshake(device, rsa_certificate, old, ssl.TLSVersion.TLSv1_2)


def test_a_cbc_only_client_is_served_where_it_is_set(
    start_nginx: Callable[[], Device], rsa_certificate: Path, settings: Settings
) -> None:
    settings.EXTRA_TLS_CIPHERS = [CBC_ONLY, OLD_MODEM]
    device = start_nginx()
    for old in (CBC_ONLY, OLD_MODEM):
        found = handshake(device, rsa_certificate, old, ssl.TLSVersion.TLSv1_2)
        assert found == (rsa.RSAPublicKey, old)


def test_the_doctor_looks_at_the_rsa_certificate_too(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsa_certificate: Path
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    settings.VAR_DIR = tmp_path
    texts = [finding.text for finding in endpoints.run() if finding.name == "server certificate"]
    assert texts[1:] == ["89 days left"]
    assert rsa_certificate.with_suffix(".key") in set(filesystem._secret_files())


def test_one_file_of_a_pair_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_CERTIFICATE_RSA", "rsa.crt")
    with pytest.raises(ImproperlyConfigured, match="SERVER_KEY_RSA"):
        nginx_config.template_values(["127.0.0.1"])
