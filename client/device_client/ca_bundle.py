"""Which servers a device believes: those certified by the system's authorities or by given ones."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import certifi
from cryptography import x509

from device_client.errors import TrustError


def system_authorities() -> Path:
    """Return the file of the system's certificate authorities; certifi's where there is none."""
    paths = ssl.get_default_verify_paths()
    candidates = [paths.cafile]
    if paths.capath:
        candidates.append(str(Path(paths.capath) / "ca-certificates.crt"))
    found = [Path(name) for name in candidates if name and Path(name).is_file()]
    return found[0] if found else Path(certifi.where())


def combine_authorities(extra: Sequence[Path]) -> bytes:
    """Return one PEM text with the system's authorities and those in the files ``extra``.

    Raises ``TrustError`` for a file that cannot be read or holds no certificate.
    """
    return b"\n".join([system_authorities().read_bytes(), *(_read(path) for path in extra), b""])


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        x509.load_pem_x509_certificates(content)
    except OSError as error:
        raise TrustError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise TrustError(f"{path} holds no certificate in PEM form") from error
    return content
