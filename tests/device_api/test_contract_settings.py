"""An installation that is stricter than the default: a CA of its own, smaller limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from identities.models import Identity
from ingest.models import DeviceCertificate
from ingest.parsing.certificates import parse
from tests.device_api.assertions import accepted, only_receipt, refused
from tests.device_api.database_locks import series_locked
from tests.support.database import database_address
from tests.support.devices import Device, multipart
from tests.support.stack import Stack
from tests.support.stored_data import file_count

NewKey = Callable[..., str]
DAY = timedelta(days=1)
LINE = b"1526292559000,1\n"
SETTINGS = {
    "LENIENT_BOUNDARY": "no",
    "ACCEPT_EXPIRED_CERTIFICATES": "yes",
    "MAX_REQUEST_BYTES": "20000",
    "MAX_FILES_PER_REQUEST": "3",
    "MAX_LINES_PER_FILE": "50",
    "MIN_SAMPLE_DATE": "2018-01-01",
    "REGISTRATION_FAILURES_PER_MINUTE_PER_CERTIFICATE": "3",
    "LOCK_TIMEOUT_MS": "300",
}


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A maker's CA."""

    def __init__(self, called: str, not_after: datetime | None = None) -> None:
        self.called = called
        self.key = ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=True, path_length=None), True
        not_after = not_after or datetime.now(UTC) + 9 * DAY
        self.certificate = self._sign(called, self.key, not_after, [constraints])

    def issue(
        self,
        key: ec.EllipticCurvePrivateKey,
        not_after: datetime,
        not_before: datetime | None = None,
    ) -> x509.Certificate:
        return self._sign("device", key, not_after, [], not_before)

    def _sign(
        self,
        subject: str,
        key: ec.EllipticCurvePrivateKey,
        not_after: datetime,
        extensions: list[tuple[x509.ExtensionType, bool]],
        not_before: datetime | None = None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(self.called))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or datetime.now(UTC) - 9 * DAY)
            .not_valid_after(not_after)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Maker's CA")


@pytest.fixture(scope="module")
def strict_stack(
    django_db_setup: None,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("strict")
    ca_file = folder / "maker.crt"
    ca_file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    address = database_address()
    running = Stack(folder, {"DATABASE_URL": address, "DEVICE_CA": str(ca_file), **SETTINGS})
    running.start()
    yield running
    running.stop()


@pytest.fixture
def make(strict_stack: Stack, tmp_path: Path) -> Iterator[Callable[..., Device]]:
    made: list[Device] = []

    def make_issued(
        issuer: Authority | None, days: int = 1, starts: datetime | None = None
    ) -> Device:
        key = ec.generate_private_key(ec.SECP256R1())
        ends = datetime.now(UTC) + days * DAY
        certificate = issuer.issue(key, ends, starts) if issuer else None
        made.append(
            Device(
                strict_stack.device_url,
                strict_stack.ca_file,
                tmp_path / str(len(made)),
                key=key,
                certificate=certificate,
            )
        )
        return made[-1]

    yield make_issued
    for device in made:
        device.close()


@pytest.fixture
def issued(make: Callable[..., Device], authority: Authority, new_key: NewKey) -> Device:
    """Give a device of the CA, registered."""
    device = make(authority)
    accepted(device.register(new_key()))
    return device


def test_the_limits_of_this_installation_are_published(issued: Device) -> None:
    limits = accepted(issued.whoami())["limits"]
    assert (limits["request_bytes"], limits["files"], limits["lines_per_file"]) == (20_000, 3, 50)
    assert limits["refused_registrations_per_minute"] == 3
    assert limits["earliest_ms"] == 1_514_764_800_000


def test_the_limits_of_this_installation_hold(issued: Device) -> None:
    files = [(f"s{number}", "f", LINE) for number in range(4)]
    assert len(accepted(issued.upload(*files[:3]))["files"]) == 3
    refused(issued.upload(*files), 413, "too_many_files")
    assert only_receipt(accepted(issued.upload(("hr", "f", LINE * 50))))["samples"] == 50
    refused(issued.upload(("hr", "f", LINE * 51)), 413, "too_many_lines")
    refused(issued.upload(("hr", "f", b"x" * 20_000)), 413, "request_too_large")
    early = issued.upload(("hr", "f", b"1500000000000,1\n"))
    assert (
        "2018-01-01"
        in refused(early, 422, "unreadable_file", "files")["files"][0]["errors"][0]["hint"]
    )


def test_m2_without_leniency_the_documents_example_is_refused(issued: Device) -> None:
    number = "9051914041544843365972754266"
    body = multipart([("hr", "f", LINE)], "---" + number)
    for dashes, status in (("---", 200), ("-----", 400), ("------", 400)):
        kind = {"Content-Type": f"multipart/form-data; boundary={dashes}{number}"}
        answer = issued.post(data=body, headers=kind)
        if status == 200:
            accepted(answer)
        else:
            refused(answer, 400, "invalid_multipart")


def test_c11_c12_only_certificates_of_the_ca_are_accepted(
    make: Callable[..., Device], authority: Authority, new_key: NewKey, identity: Identity
) -> None:
    impostor = Authority(authority.called)
    for device in (make(None), make(Authority("Another CA")), make(impostor)):
        body = refused(device.register(new_key()), 400, "certificate_unacceptable", "reason")
        assert body["reason"] == "chain"
        refused(device.whoami(), 403, "certificate_unacceptable", "reason")
    assert not identity.certificates.exists()


@pytest.mark.parametrize("chained", [False, True], ids=["leaf", "issuer"])
def test_dates_hide_no_untrusted_issuer(
    *,
    strict_stack: Stack,
    tmp_path: Path,
    authority: Authority,
    new_key: NewKey,
    identity: Identity,
    chained: bool,
) -> None:
    # OpenSSL names the last of its errors only: of an untrusted issuer, and of a date.
    days = -1 if chained else 1
    called = "Another CA" if chained else authority.called
    impostor = Authority(called, not_after=datetime.now(UTC) + days * DAY)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = impostor.issue(key, datetime.now(UTC) - days * DAY)
    device = Device(
        strict_stack.device_url,
        strict_stack.ca_file,
        tmp_path,
        key=key,
        certificate=certificate,
        chain=[impostor.certificate] if chained else [],
    )
    refused(device.register(new_key()), 400, "certificate_expired")
    refused(device.whoami(), 403, "certificate_expired")
    device.close()
    assert not identity.certificates.exists()


def test_an_early_certificate_gets_no_grace_with_a_ca(
    make: Callable[..., Device], authority: Authority, new_key: NewKey
) -> None:
    device = make(authority, starts=datetime.now(UTC) + timedelta(minutes=2))
    assert refused(device.register(new_key()), 400, "certificate_not_yet_valid")["retryable"]


def test_an_expired_certificate_is_accepted_if_bound_already(
    make: Callable[..., Device], authority: Authority, identity: Identity, new_key: NewKey
) -> None:
    device = make(authority, days=-1)
    refused(device.register(new_key()), 400, "certificate_expired")
    refused(device.whoami(), 403, "certificate_expired")
    refused(device.post(json={"renew": True}), 403, "certificate_expired")
    found = parse(device.certificate.public_bytes(Encoding.DER))
    DeviceCertificate.objects.create(
        identity=identity,
        sha256=found.sha256,
        der=found.der,
        subject=found.subject,
        key_type=found.key_type,
        not_before=found.not_before,
        not_after=found.not_after,
    )
    accepted(device.whoami())
    accepted(device.upload(("hr", "f", LINE)))
    successor = make(authority)
    psk = accepted(device.post(json={"renew": True}))["PSK"]
    chunked = iter([b'{"renew": true}'])
    psk = accepted(device.post(data=chunked, headers={"Content-Type": "application/json"}))["PSK"]
    accepted(successor.register(psk))
    accepted(successor.upload(("hr", "f", LINE)))


def test_the_throttle_of_this_installation_holds(
    make: Callable[..., Device], authority: Authority
) -> None:
    device = make(authority)
    for _ in range(3):
        refused(device.register("wrong"), 400, "registration_failed")
    refused(device.register("wrong"), 429, "too_many_requests")


def test_a_locked_series_gives_503_and_stores_nothing(issued: Device, identity: Identity) -> None:
    file = ("hr", "f", LINE)
    with series_locked(identity, "hr"):
        refused(issued.upload(file), 503, "database_unavailable")
        accepted(issued.upload(("ibi", "f", LINE)))
    assert file_count(identity) == 1
    assert only_receipt(accepted(issued.upload(file)))["status"] == "stored"
