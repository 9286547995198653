"""The server's certificate: a local CA, created once, and a certificate that it issues.

For evaluation, tests and closed networks. If ``SERVER_CERTIFICATE`` and ``SERVER_KEY`` are set,
those files are used and nothing is created.
"""

from __future__ import annotations

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.core.exceptions import ImproperlyConfigured

from device_endpoint.env import PROJECT_DIR, read_text, var_dir

AUTHORITY_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def authority_path() -> Path:
    """Return the CA file by which clients trust this installation."""
    return var_dir() / "tls" / "ca.crt"


def certificate_path() -> Path:
    configured = read_text("SERVER_CERTIFICATE")
    return PROJECT_DIR / configured if configured else var_dir() / "tls" / "server.crt"


def key_path() -> Path:
    """Return the file of the server's key (``SERVER_KEY``, or generated)."""
    configured = read_text("SERVER_KEY")
    return PROJECT_DIR / configured if configured else var_dir() / "secrets" / "server.key"


def rsa_files() -> tuple[Path, Path] | None:
    """Return the files of the RSA certificate beside it and of its key, None where there is none.

    nginx serves it to clients that do not speak ECDSA.
    """
    certificate, key = read_text("SERVER_CERTIFICATE_RSA"), read_text("SERVER_KEY_RSA")
    if bool(certificate) != bool(key):
        raise ImproperlyConfigured(
            "Only one of SERVER_CERTIFICATE_RSA and SERVER_KEY_RSA is set: set both, or neither."
        )
    return (PROJECT_DIR / certificate, PROJECT_DIR / key) if certificate else None


def certificate_paths() -> list[Path]:
    """Return the files of every certificate that nginx serves."""
    rsa = rsa_files()
    return [certificate_path(), *([rsa[0]] if rsa else [])]


def key_paths() -> list[Path]:
    """Return the files of their keys, in the same order."""
    rsa = rsa_files()
    return [key_path(), *([rsa[1]] if rsa else [])]


def ensure(public_host: str) -> bool:
    """Create the CA and the certificate if they are missing, expire soon or have other names.

    Return whether something was created. Raises ``OSError`` if the files cannot be written.
    """
    if read_text("SERVER_CERTIFICATE"):
        return False
    now = datetime.now(UTC)
    names = sorted({public_host.strip("[]"), *LOCAL_NAMES})
    authority, authority_key, is_new = _ensure_authority(now)
    if not is_new and _is_still_valid(names, authority, now):
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign_server(names, key.public_key(), authority, authority_key, now)
    _write(key_path(), _key_text(key), 0o600)
    _write(certificate_path(), certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return True


def _ensure_authority(
    now: datetime,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, bool]:
    key_file = var_dir() / "secrets" / "ca.key"
    if key_file.exists() and authority_path().exists():
        authority = x509.load_pem_x509_certificate(authority_path().read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and (
            authority.public_key() == key.public_key()
            and authority.not_valid_after_utc - now > SERVER_LIFETIME
        ):
            return authority, key, False
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _sign_authority(key, now)
    _write(key_file, _key_text(key), 0o600)
    _write(authority_path(), authority.public_bytes(serialization.Encoding.PEM), 0o644)
    return authority, key, True


def _sign_authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Device endpoint, local authority")])
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _sign_server(
    names: list[str],
    public_key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Device endpoint")])
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder(authority.subject, subject, public_key, x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )


def _key_usage(
    digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_names(names: list[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _is_still_valid(names: list[str], authority: x509.Certificate, now: datetime) -> bool:
    if not (key_path().exists() and certificate_path().exists()):
        return False
    found = x509.load_pem_x509_certificate(certificate_path().read_bytes())
    named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    try:
        found.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return found.not_valid_after_utc - now > RENEW_BEFORE and list(named) == _general_names(names)


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(mode=0o700 if mode == 0o600 else 0o755, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    draft.replace(path)
