"""Client certificates: the application sees the one that TLS has verified, or none."""

from __future__ import annotations

import base64
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device_client.conformance.raw_http import RawClient, expect
from device_client.conformance.target import (
    Target,
    expect_problem,
    get_certificate,
    get_fingerprint,
)

# Headers in which reverse proxies forward a client certificate.
HEADER_NAMES = (
    "X-Client-Cert",
    "X_Client_Cert",
    "X-Client-Certificate",
    "X-SSL-Client-Cert",
    "X-SSL-Cert",
    "SSL-Client-Cert",
    "Client-Cert",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert",
    "X-Amzn-Mtls-Clientcert",
    "X-ARR-ClientCert",
)


def certificate_requested(target: Target) -> None:
    """The server requests a client certificate and passes it to the application."""
    response = target.unregistered.request()
    expect(
        response.code != "certificate_missing",
        "the application received no certificate, although the client has one",
    )
    expect_problem(response, 403, "certificate_not_bound")


def own_fingerprint_shown(target: Target) -> None:
    """Before registration the server reports the SHA-256 of the device's certificate."""
    for device in (target.device, target.unregistered):
        response = device.request()
        expect_problem(response, 403, "certificate_not_bound")
        seen, own = get_certificate(response).get("sha256"), get_fingerprint(device)
        expect(seen == own, f"the certificate {own} was seen as {seen}")


def missing_certificate_reported(target: Target) -> None:
    """A client without a certificate receives a JSON error after the TLS handshake."""
    expect_problem(target.anonymous.request(), 403, "certificate_missing")


def forged_headers_ignored(target: Target) -> None:
    """Another device's certificate in a request header identifies nobody as that device."""
    for value in _encode_certificate(target.device):
        for name in HEADER_NAMES:
            _expect_header_ignored(target, name, value)


def forged_verdict_ignored(target: Target) -> None:
    """A certificate verification result in a request header changes nothing."""
    for name in ("X-Client-Verify", "X-SSL-Client-Verify", "SSL-Client-Verify"):
        for verdict in ("SUCCESS", "NONE", "FAILED:expired"):
            response = target.unregistered.request(headers={name: verdict})
            expect_problem(response, 403, "certificate_not_bound")


def proxy_headers_ignored(target: Target) -> None:
    """The header Connection cannot make the proxy drop or accept certificate headers."""
    target.require_registration()
    value = _encode_certificate(target.device)[0]
    headers = {"X-Client-Cert": value, "Connection": "close, X-Client-Cert, X-Proxy-Secret"}
    expect_problem(target.anonymous.request(headers=headers), 403, "certificate_missing")
    response = target.device.request(headers={"Connection": "close, X-Client-Cert, X-Proxy-Secret"})
    expect(response.status == 200, f"the proxy lost the certificate: {response.describe()}")


def _encode_certificate(device: RawClient) -> tuple[str, ...]:
    pem = device.credentials.read_bytes() if device.credentials else b""
    certificate = x509.load_pem_x509_certificate(pem)
    text = certificate.public_bytes(Encoding.PEM).decode()
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return quote(text, safe=""), f":{der}:", f'Cert="{quote(text, safe="")}"', der


def _expect_header_ignored(target: Target, name: str, value: str) -> None:
    headers = {name: value, "X-Client-Verify": "SUCCESS"}
    for client in (target.anonymous, target.unregistered):
        response = client.request(headers=headers)
        seen = get_certificate(response).get("sha256", "")
        expect(
            response.status == 403 and seen != get_fingerprint(target.device),
            f"the header {name} of a client was taken for a certificate: {response.describe()}",
        )


BEFORE_REGISTRATION = (certificate_requested, own_fingerprint_shown, missing_certificate_reported)
AFTER_REGISTRATION = (forged_headers_ignored, forged_verdict_ignored, proxy_headers_ignored)
