"""Devices of a benchmark run, registered in the database that the product's are copied from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from device_client.certificate import make_credentials
from identities.credentials import get_or_create_identity, issue_psk
from ingest import registration
from ingest.device_requests import DeviceRequest
from ingest.models import DeviceCertificate
from ingest.parsing.certificates import parse
from ingest.uploads import Uploader

MAX_DEVICES = 64
UNREGISTERED = Uploader(0, 0)


@dataclass(frozen=True)
class BenchmarkDevice:
    """A certificate and its key, both PEM; ``uploader`` is set once it is registered."""

    identity: str
    cert: str
    key: str
    uploader: Uploader = UNREGISTERED

    def for_load_tool(self) -> dict[str, str]:
        return {"cert": self.cert, "key": self.key}


def _make_device(identity: str) -> BenchmarkDevice:
    pem = make_credentials(datetime.now(UTC)).decode()
    start = pem.index("-----BEGIN CERTIFICATE-----")
    return BenchmarkDevice(identity, cert=pem[start:], key=pem[:start])


def register_devices() -> list[BenchmarkDevice]:
    """Return registered devices, each with an identity of its own."""
    return [_register(_make_device(f"bench-{number:02}")) for number in range(MAX_DEVICES)]


def make_unregistered_devices(count: int, prefix: str) -> list[tuple[BenchmarkDevice, str]]:
    """Return devices with a pre-shared key each, for identities of their own."""
    made = [_make_device(f"{prefix}-{number}") for number in range(count)]
    return [(each, issue_psk(get_or_create_identity(each.identity))[1]) for each in made]


def _register(device: BenchmarkDevice) -> BenchmarkDevice:
    identity = get_or_create_identity(device.identity)
    _, psk = issue_psk(identity)
    certificate = parse(
        x509.load_pem_x509_certificate(device.cert.encode()).public_bytes(
            serialization.Encoding.DER
        )
    )
    registration.register(certificate, psk, DeviceRequest("127.0.0.1", "bench", None, "bench"))
    bound = DeviceCertificate.objects.get(sha256=certificate.sha256)
    return replace(device, uploader=Uploader(identity.pk, bound.pk))
