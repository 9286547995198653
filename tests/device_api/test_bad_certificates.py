"""Bad and odd certificates (C), over real TLS."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ingest.models import DeviceCertificate
from tests.device_api.assertions import accepted, refused
from tests.device_api.conftest import MakeDevice
from tests.device_api.gunicorn_workers import device_workers
from tests.support.devices import (
    Device,
    PrivateKey,
    RawAnswer,
    self_signed,
)
from tests.support.stack import Stack

NewKey = Callable[..., str]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
UNFIT = "certificate_unacceptable"


@pytest.fixture(autouse=True, scope="module")
def the_same_workers_before_and_after(stack: Stack) -> Iterator[None]:
    before = device_workers(stack)
    yield
    assert device_workers(stack) == before


def raw_over(context: ssl.SSLContext, device: Device, sent: bytes) -> RawAnswer:
    """Send over TLS as ``context`` has it."""
    address = ("127.0.0.1", urlsplit(device.url).port)
    with (
        socket.create_connection(address, timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(sent)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read()


def register(device: Device, psk: str) -> RawAnswer:
    """Register by a TLS client that does not check the strength of its own certificate."""
    context = ssl.create_default_context(cafile=str(device.ca_file))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if not device.anonymous:
        context.load_cert_chain(device.certificate_file, device.key_file)
    body = json.dumps({"PSK": psk}).encode()
    head = (
        "POST /device_endpoint HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return raw_over(context, device, head.encode() + body)


def is_bound(device: Device) -> bool:
    return DeviceCertificate.objects.filter(sha256=bytes.fromhex(device.sha256)).exists()


def key_usage(**allowed: bool) -> tuple[x509.ExtensionType, bool]:
    names = [
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ]
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names}), True


def purpose(*purposes: x509.ObjectIdentifier) -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage(purposes), False


WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")

REFUSED: dict[str, tuple[dict[str, object], str, str | None]] = {
    "C1 none": ({"anonymous": True}, "certificate_missing", None),
    "C2 expired": (
        {"not_before": NOW - 9 * DAY, "not_after": NOW - DAY},
        "certificate_expired",
        None,
    ),
    "C3 future": (
        {"not_before": NOW + DAY, "not_after": NOW + 9 * DAY},
        "certificate_not_yet_valid",
        None,
    ),
    "C4 for servers": (
        {"extensions": [purpose(ExtendedKeyUsageOID.SERVER_AUTH)]},
        UNFIT,
        "usage",
    ),
    "C5 any purpose": (
        {"extensions": [purpose(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)]},
        UNFIT,
        "usage",
    ),
    "C6 to sign others": ({"extensions": [key_usage(key_cert_sign=True)]}, UNFIT, "usage"),
    "C6 to encipher": ({"extensions": [key_usage(key_encipherment=True)]}, UNFIT, "usage"),
    "C7 RSA 1024": ({"key": WEAK}, UNFIT, "key"),
    "C8 critical extension": ({"extensions": [(UNKNOWN, True)]}, UNFIT, "extension"),
}


CAUSES = {
    "certificate_expired": "It ended at ",
    "certificate_not_yet_valid": "It starts at ",
    "usage": "clientAuth",
    "key": "2048",
    "extension": "extension",
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_refused(
    case: tuple[dict[str, object], str, str | None], make_device: MakeDevice, new_key: NewKey
) -> None:
    certificate, code, reason = case
    device = make_device(**certificate)
    body = refused(register(device, new_key()), 400, code, *(["reason"] if reason else []))
    assert body.get("reason") == reason
    assert CAUSES.get(reason or code, "") in body["detail"]
    assert not is_bound(device)


def _ed(key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) -> dict[str, object]:
    return {"key": key}


ACCEPTED: dict[str, dict[str, object]] = {
    "P-256": {},
    "P-384": {"key": ec.generate_private_key(ec.SECP384R1())},
    "P-521": {"key": ec.generate_private_key(ec.SECP521R1())},
    "RSA 2048": {"key": rsa.generate_private_key(65537, 2048)},
    "Ed25519": _ed(ed25519.Ed25519PrivateKey.generate()),
    "Ed448": _ed(ed448.Ed448PrivateKey.generate()),
    "for clients": {"extensions": [purpose(ExtendedKeyUsageOID.CLIENT_AUTH)]},
    "a CA": {"extensions": [(x509.BasicConstraints(ca=True, path_length=None), True)]},
    "C14 12 KB": {
        "extensions": [
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(12_000)), False)
        ]
    },
    "C16 markup": {"subject": "<script>alert(1)</script>"},
    "C16 line break": {"subject": "a\r\nX-Client-Verify: SUCCESS"},
    "C16 bidi": {"subject": "\u202egpj.exe"},
    "C16 emoji": {"subject": "\U0001f600"},
    "C18 for ever": {"not_after": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)},
    "C18 since 1950": {"not_before": datetime(1950, 1, 1, tzinfo=UTC)},
}


@pytest.mark.parametrize("certificate", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(certificate: dict[str, object], make_device: MakeDevice, new_key: NewKey) -> None:
    device = make_device(**certificate)
    assert accepted(device.register(new_key()))["certificate"]["sha256"] == device.sha256
    accepted(device.whoami())
    stored = DeviceCertificate.objects.get(sha256=bytes.fromhex(device.sha256))
    assert stored.subject.isprintable()


def issued(key: PrivateKey, issuer: str, signer: PrivateKey, subject: str) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 9 * DAY)
        .sign(signer, hashes.SHA256())
    )


def test_c10_a_broken_self_signature_is_accepted(make_device: MakeDevice, new_key: NewKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    der = self_signed(key, "broken", NOW - DAY, NOW + DAY).public_bytes(serialization.Encoding.DER)
    certificate = x509.load_der_x509_certificate(der[:-1] + bytes([der[-1] ^ 1]))
    device = make_device(key=key, certificate=certificate)
    assert accepted(register(device, new_key()))["certificate"]["sha256"] == device.sha256


def test_c11_a_certificate_of_an_unknown_ca_is_accepted(
    make_device: MakeDevice, new_key: NewKey
) -> None:
    key, ca = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    device = make_device(key=key, certificate=issued(key, "Nobody's CA", ca, "leaf"))
    accepted(register(device, new_key()))


@pytest.mark.parametrize("depth", [1, 3, 6, 20])
def test_c13_a_chain_harms_nobody(make_device: MakeDevice, new_key: NewKey, depth: int) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(depth + 1)]
    chain = [
        issued(keys[level], f"CA {level + 1}", keys[min(level + 1, depth)], f"CA {level}")
        for level in range(depth + 1)
    ]
    device = make_device(key=keys[0], certificate=chain[0], chain=chain[1:])
    answer = register(device, new_key())
    if answer[0] == 200:
        assert accepted(answer)["certificate"]["sha256"] == device.sha256
    else:
        refused(answer, 400, UNFIT, "reason")


def padded(size: int) -> dict[str, object]:
    stuffing = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(size))
    return {"extensions": [(stuffing, False)]}


@pytest.mark.parametrize("size", [17_000, 40_000, 60_000, 95_000])
def test_c15_a_certificate_over_16_kilobytes_is_refused_readably(
    make_device: MakeDevice, new_key: NewKey, size: int
) -> None:
    body = refused(register(make_device(**padded(size)), new_key()), 400, UNFIT, "reason")
    assert body["reason"] == "size"
    assert "16384 bytes" in body["detail"]


def test_c15_a_certificate_too_large_for_tls_ends_the_connection(
    make_device: MakeDevice, new_key: NewKey
) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        register(make_device(**padded(110_000)), new_key())


def test_c20_a_new_certificate_of_one_key_is_another_device(
    bound: Device, make_device: MakeDevice
) -> None:
    renewed = make_device(key=bound.key)
    refused(renewed.whoami(), 403, "certificate_not_bound", "certificate")
    accepted(bound.whoami())
