"""Whose certificate the application sees: the one that TLS has proved, or none."""

from __future__ import annotations

import base64
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device_client.conformance.raw_http import Answer, Wire, expect
from device_client.conformance.target import (
    Subject,
    certificate_of,
    expect_problem,
    fingerprint,
)

# What proxies call the header in which they pass a certificate on.
NAMES = (
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


def certificate_asked_for(subject: Subject) -> None:
    """A client certificate is asked for and reaches the application."""
    answer = subject.stranger.ask()
    expect(
        answer.code != "certificate_missing",
        "the application was given no certificate, though one was there to be asked for",
    )
    expect_problem(answer, 403, "certificate_not_bound")


def own_fingerprint_shown(subject: Subject) -> None:
    """Before registration a device is shown the SHA-256 of its own certificate."""
    for device in (subject.device, subject.stranger):
        answer = device.ask()
        expect_problem(answer, 403, "certificate_not_bound")
        seen, own = certificate_of(answer).get("sha256"), fingerprint(device)
        expect(seen == own, f"the certificate {own} was seen as {seen}")


def no_certificate_is_told(subject: Subject) -> None:
    """A client without a certificate is told so, as JSON, after the TLS handshake."""
    expect_problem(subject.nobody.ask(), 403, "certificate_missing")


def forged_headers_ignored(subject: Subject) -> None:
    """Another device's certificate claimed in a header makes nobody that device."""
    for claim in _claims(subject.device):
        for name in NAMES:
            _expect_unbelieved(subject, name, claim)


def forged_verdict_ignored(subject: Subject) -> None:
    """A verdict about the certificate claimed in a header changes nothing."""
    for name in ("X-Client-Verify", "X-SSL-Client-Verify", "SSL-Client-Verify"):
        for verdict in ("SUCCESS", "NONE", "FAILED:expired"):
            answer = subject.stranger.ask(headers={name: verdict})
            expect_problem(answer, 403, "certificate_not_bound")


def proxy_headers_ignored(subject: Subject) -> None:
    """Headers that hop-by-hop rules would strip or add are no way around (Connection)."""
    subject.needs_registration()
    claim = _claims(subject.device)[0]
    headers = {"X-Client-Cert": claim, "Connection": "close, X-Client-Cert, X-Proxy-Secret"}
    expect_problem(subject.nobody.ask(headers=headers), 403, "certificate_missing")
    answer = subject.device.ask(headers={"Connection": "close, X-Client-Cert, X-Proxy-Secret"})
    expect(answer.status == 200, f"the certificate was lost on its way: {answer.told()}")


def _claims(device: Wire) -> tuple[str, ...]:
    pem = device.credentials.read_bytes() if device.credentials else b""
    certificate = x509.load_pem_x509_certificate(pem)
    text = certificate.public_bytes(Encoding.PEM).decode()
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return quote(text, safe=""), f":{der}:", f'Cert="{quote(text, safe="")}"', der


def _expect_unbelieved(subject: Subject, name: str, claim: str) -> None:
    headers = {name: claim, "X-Client-Verify": "SUCCESS"}
    for wire in (subject.nobody, subject.stranger):
        answer = wire.ask(headers=headers)
        seen = certificate_of(answer).get("sha256", "")
        expect(
            answer.status == 403 and seen != fingerprint(subject.device), _believed(name, answer)
        )


def _believed(name: str, answer: Answer) -> str:
    return f"the header {name} of a client was taken for a certificate: {answer.told()}"


BEFORE_REGISTRATION = (certificate_asked_for, own_fingerprint_shown, no_certificate_is_told)
AFTER_REGISTRATION = (forged_headers_ignored, forged_verdict_ignored, proxy_headers_ignored)
