"""Request headers that claim a certificate which the client does not own."""

from __future__ import annotations

import base64
from urllib.parse import quote

from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.devices import Device

OWN = ("X-Client-Cert", "X-Client-Verify", "X-Proxy-Secret")
CLAIMS = (
    *OWN[:1],
    "Client-Cert",
    "Client-Cert-Chain",
    "X-SSL-Client-Cert",
    "X-SSL-Cert",
    "SSL-Client-Cert",
    "SSL_CLIENT_CERT",
    "X-SSL-Client-Escaped-Cert",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert",
    "X-Forwarded-Tls-Client-Cert-Info",
    "X-Amzn-Mtls-Clientcert",
    "X-Amzn-Mtls-Clientcert-Leaf",
    "X-ARR-ClientCert",
    "CF-Client-Cert-DER-Base64",
    "X-Client-Certificate",
    "X-Tls-Client-Cert",
    "HTTP_X_CLIENT_CERT",
)


def escaped(device: Device) -> str:
    """Return the device's certificate as nginx would write it."""
    return quote(device.certificate.public_bytes(Encoding.PEM).decode(), safe="")


def _values(device: Device) -> dict[str, str]:
    der = base64.b64encode(device.certificate.public_bytes(Encoding.DER)).decode()
    return {
        "Client-Cert": f":{der}:",
        "Client-Cert-Chain": f":{der}:",
        "X-Forwarded-Client-Cert": f'Hash={device.sha256};Cert="{escaped(device)}"',
        "X-Forwarded-Tls-Client-Cert": der,
        "X-ARR-ClientCert": der,
        "CF-Client-Cert-DER-Base64": der,
    }


def spellings(name: str) -> list[str]:
    """Return spellings of a header name that a proxy or server could treat as equal."""
    dotted = name.replace("-", ".")
    return sorted({name, name.lower(), name.upper(), name.replace("-", "_"), dotted})


def forgeries(device: Device) -> list[tuple[str, bytes]]:
    """Return name and header lines of every way to claim the certificate of ``device``."""
    values = _values(device)
    forged = []
    for name in CLAIMS:
        for spelled in spellings(name):
            lines = [f"{spelled}: {values.get(name, escaped(device))}"]
            lines += [f"{one}: SUCCESS" for one in ("X-Client-Verify", "X-SSL-Client-Verify")]
            forged.append((spelled, _joined([*lines, "x_client_verify: SUCCESS"])))
    claim = f"X-Client-Cert: {escaped(device)}"
    verified = "X-Client-Verify: SUCCESS"
    forged += [
        ("twice", _joined([claim, claim, verified, verified])),
        ("dropped on the way", _joined([claim, verified, "Connection: X-Client-Cert, close"])),
        ("guessed secret", _joined([claim, verified, "X-Proxy-Secret: guessed"])),
        ("everything", _joined([f"{name}: {values.get(name, escaped(device))}" for name in OWN])),
    ]
    return forged


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
