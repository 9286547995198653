"""Devices that are registered with every copy of the product: certificates and what they open."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from device_client.certificate import make_credentials
from identities.credentials import get_or_create_identity, issue_psk
from ingest import registration
from ingest.models import DeviceCertificate
from ingest.parsing.certificates import parse
from ingest.uploads import Uploader

MAX_DEVICES = 64


@dataclass(frozen=True)
class BenchDevice:
    """A device: certificate and key, both PEM, and the keys of its rows in ``blank``."""

    identity: str
    cert: str
    key: str
    identity_id: int = 0
    certificate_id: int = 0

    @property
    def uploader(self) -> Uploader:
        """Return what stores its files without the network."""
        return Uploader(self.identity_id, self.certificate_id)

    def for_load_tool(self) -> dict[str, str]:
        """Return what the load tool needs of it."""
        return {"cert": self.cert, "key": self.key}


def make_device(identity: str) -> BenchDevice:
    """Return a device that nobody knows yet."""
    pem = make_credentials(datetime.now(UTC)).decode()
    at = pem.index("-----BEGIN CERTIFICATE-----")
    return BenchDevice(identity, cert=pem[at:], key=pem[:at])


def register_devices(count: int = MAX_DEVICES) -> list[BenchDevice]:
    """Return ``count`` devices, each bound to an identity of its own in the default database."""
    return [_registered(make_device(f"bench-{number:02}")) for number in range(count)]


def new_devices_with_keys(count: int, prefix: str) -> list[tuple[BenchDevice, str]]:
    """Return unknown devices, each with a pre-shared key of its own in the default database."""
    found = []
    for number in range(count):
        device = make_device(f"{prefix}-{number}")
        found.append((device, issue_psk(get_or_create_identity(device.identity))[1]))
    return found


def _registered(device: BenchDevice) -> BenchDevice:
    identity = get_or_create_identity(device.identity)
    _, psk = issue_psk(identity)
    der = x509.load_pem_x509_certificate(device.cert.encode()).public_bytes(
        serialization.Encoding.DER
    )
    certificate = parse(der)
    registration.register(certificate, psk, address="127.0.0.1", request_id="bench")
    bound = DeviceCertificate.objects.get(sha256=certificate.sha256)
    return BenchDevice(device.identity, device.cert, device.key, identity.pk, bound.pk)


def open_context() -> ssl.SSLContext:
    """Return a TLS context for this machine's own doors; their certificate is not looked at."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
