"""The generated server certificate: names, lifetime, renewal, trust."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification

from device_endpoint import server_certificate


@pytest.fixture(autouse=True)
def var_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    return tmp_path


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_ca_verifies_it_for_each_name() -> None:
    assert server_certificate.ensure("data.example.org")
    authority = load(server_certificate.authority_path())
    certificate = load(server_certificate.certificate_path())
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    for name in ("data.example.org", "localhost"):
        builder = verification.PolicyBuilder().store(verification.Store([authority]))
        assert builder.build_server_verifier(x509.DNSName(name)).verify(certificate, [])
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = named.get_values_for_type(x509.IPAddress)
    assert {str(address) for address in addresses} == {"127.0.0.1", "::1"}


def test_it_is_created_once() -> None:
    assert server_certificate.ensure("localhost")
    first = server_certificate.certificate_path().read_bytes()
    assert not server_certificate.ensure("localhost")
    assert server_certificate.certificate_path().read_bytes() == first


def test_another_name_creates_a_new_one_of_the_same_ca() -> None:
    server_certificate.ensure("localhost")
    authority = server_certificate.authority_path().read_bytes()
    assert server_certificate.ensure("data.example.org")
    assert server_certificate.authority_path().read_bytes() == authority


def test_an_ip_address_can_be_the_name() -> None:
    server_certificate.ensure("192.0.2.7")
    certificate = load(server_certificate.certificate_path())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "192.0.2.7" in map(str, named.get_values_for_type(x509.IPAddress))


def test_one_that_expires_soon_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(server_certificate, "SERVER_LIFETIME", timedelta(days=29))
        server_certificate.ensure("localhost")
    assert server_certificate.ensure("localhost")
    end = load(server_certificate.certificate_path()).not_valid_after_utc
    assert end - datetime.now(UTC) > timedelta(days=300)


def test_only_the_owner_can_read_the_keys(var_dir: Path) -> None:
    server_certificate.ensure("localhost")
    for name in ("ca.key", "server.key"):
        assert (var_dir / "secrets" / name).stat().st_mode & 0o777 == 0o600
    assert (var_dir / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_missing_ca_is_replaced_with_its_certificate() -> None:
    server_certificate.ensure("localhost")
    server_certificate.authority_path().unlink()
    assert server_certificate.ensure("localhost")
    load(server_certificate.certificate_path()).verify_directly_issued_by(
        load(server_certificate.authority_path())
    )


def test_configured_files_are_not_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SERVER_CERTIFICATE", str(tmp_path / "configured.crt"))
    monkeypatch.setenv("SERVER_KEY", str(tmp_path / "configured.key"))
    assert not server_certificate.ensure("localhost")
    assert server_certificate.certificate_path() == tmp_path / "configured.crt"
    assert not (tmp_path / "tls").exists()
