"""Identities, certificates and uploads without a network."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from datetime import UTC, datetime

from identities.models import Identity
from ingest.models import DeviceCertificate, SampleBlock
from ingest.parsing.samples import FileLimits, TimeWindow
from ingest.receipts import Receipt
from ingest.uploads import UploadedFile, Uploader, UploadLimits, store_files
from tests.support.block_contents import offsets_of, values_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# The start of a finished hour.
MORNING = int(datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp()) * 1000
WINDOW = TimeWindow(946_684_800_000, 1_900_000_000_000)
LIMITS = UploadLimits(FileLimits(4_000_000, 4_000_000), 30_000)

_numbers = itertools.count()


def make_identity(name: str = "ward") -> Identity:
    """Create an identity with a unique name."""
    return Identity.objects.create(name=f"{name}-{uuid.uuid4().hex[:12]}")


def make_certificate(identity: Identity) -> DeviceCertificate:
    """Bind a certificate with random bytes, which storing does not parse."""
    seed = uuid.uuid4().bytes
    return DeviceCertificate.objects.create(
        identity=identity,
        sha256=hashlib.sha256(seed).digest(),
        der=seed,
        subject="CN=device",
        key_type="EC P-256",
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_after=datetime(2036, 1, 1, tzinfo=UTC),
    )


def write_file(samples: dict[int, float]) -> bytes:
    return "".join(f"{time},{value!r}\n" for time, value in samples.items()).encode()


def send(
    certificate: DeviceCertificate,
    content: bytes | dict[int, float],
    name: str = "hr",
    window: TimeWindow = WINDOW,
) -> Receipt:
    """Store one file as an upload with ``certificate`` does."""
    if isinstance(content, dict):
        content = write_file(content)
    uploader = Uploader(certificate.identity_id, certificate.pk)
    return store_files(uploader, [_file(name, content)], window, LIMITS)[0]


def send_together(
    certificate: DeviceCertificate, *contents: bytes | dict[int, float], name: str = "hr"
) -> list[Receipt]:
    """Store several files in one request: of one series, or of as many as ``name`` has numbers."""
    uploader = Uploader(certificate.identity_id, certificate.pk)
    files = [
        _file(name.format(number), write_file(each) if isinstance(each, dict) else each)
        for number, each in enumerate(contents)
    ]
    return store_files(uploader, files, WINDOW, LIMITS)


def _file(name: str, content: bytes) -> UploadedFile:
    return UploadedFile(name, f"{name}-{next(_numbers)}.txt", "text/plain", content)


def stored(identity: Identity, name: str = "hr") -> dict[int, float]:
    """Return all samples of a series; fail on a repeated timestamp."""
    samples: dict[int, float] = {}
    for block in SampleBlock.objects.filter(identity=identity, name=name):
        for offset, value in zip(offsets_of(block), values_of(block), strict=True):
            time = block.hour * HOUR_MS + offset
            assert time not in samples
            samples[time] = value
    return samples


def blocks_of(identity: Identity, name: str = "hr") -> int:
    """Return the number of blocks of a series."""
    return SampleBlock.objects.filter(identity=identity, name=name).count()
