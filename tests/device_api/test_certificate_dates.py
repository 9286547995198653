"""Only the device's own certificate has dates that count, by the server's clock, with a grace."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.test import override_settings

from identities.models import Identity
from ingest.models import DeviceCertificate
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.device_api.conftest import MakeDevice
from tests.support.devices import Device

NewKey = Callable[..., str]
DAY = timedelta(days=1)
FILE = ("hr", "hr_1", b"1526292559214,95\n")


def sign(
    subject: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, ends: int
) -> x509.Certificate:
    """Return a certificate that ends ``ends`` days from now, issued by "issuer"."""
    subject_name, issuer_name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (subject, "issuer")
    )
    is_issuer = x509.BasicConstraints(ca=subject == "issuer", path_length=None)
    return (
        x509.CertificateBuilder()
        .subject_name(subject_name)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - 400 * DAY)
        .not_valid_after(datetime.now(UTC) + ends * DAY)
        .add_extension(is_issuer, critical=True)
        .sign(signer, hashes.SHA256())
    )


def with_issuer(make_device: MakeDevice, *, leaf_ends: int, issuer_ends: int) -> Device:
    """Return a device that sends its issuer's certificate along."""
    key, issuer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    certificate = sign("leaf", key, issuer, leaf_ends)
    chain = [sign("issuer", issuer, issuer, issuer_ends)]
    return make_device(key=key, certificate=certificate, chain=chain)


def test_case_02_an_expired_issuer_in_the_chain_is_ignored(
    make_device: MakeDevice, new_key: NewKey
) -> None:
    device = with_issuer(make_device, leaf_ends=9, issuer_ends=-9)
    refused(device.whoami(), 403, "certificate_not_bound", "certificate")
    accepted(device.register(new_key()))
    accepted(device.whoami())
    assert only_receipt(accepted(device.upload(FILE)))["status"] == "stored"


def test_the_leaf_counts_whatever_its_issuer(make_device: MakeDevice, new_key: NewKey) -> None:
    device = with_issuer(make_device, leaf_ends=-9, issuer_ends=9)
    body = refused(device.register(new_key()), 400, "certificate_expired")
    assert f"{datetime.now(UTC) - 9 * DAY:It ended at %Y-%m-%dT}" in body["detail"]
    refused(device.whoami(), 403, "certificate_expired")


def test_case_06_a_clock_minutes_ahead_is_accepted(
    make_device: MakeDevice, new_key: NewKey, identity: Identity
) -> None:
    device = make_device(not_before=datetime.now(UTC) + timedelta(seconds=250))
    accepted(device.register(new_key()))
    accepted(device.whoami())
    assert only_receipt(accepted(device.upload(FILE)))["status"] == "stored"
    live = DeviceCertificate.objects.filter(identity=identity).live
    assert live(datetime.now(UTC)).count() == 1
    with override_settings(CLOCK_GRACE_SECONDS=0):
        assert live(datetime.now(UTC)).count() == 0


def test_beyond_the_grace_it_may_be_accepted_later(
    make_device: MakeDevice, new_key: NewKey
) -> None:
    starts = datetime.now(UTC) + timedelta(seconds=400)
    device = make_device(not_before=starts)
    before = time.time_ns() // 1_000_000
    for answer, status in ((device.register(new_key()), 400), (device.whoami(), 403)):
        body = refused(answer, status, "certificate_not_yet_valid")
        assert body["retryable"] is True
        assert before <= body["server_time_ms"] <= time.time_ns() // 1_000_000
        assert f"{starts:It starts at %Y-%m-%dT%H:%M:%SZ}" in body["detail"]
