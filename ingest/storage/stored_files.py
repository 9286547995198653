"""Read stored measurement files back, and check that they are what the device sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import pyarrow as pa

from ingest.models import Measurement
from ingest.parsing.sample_file import Samples, TimeWindow, UnreadableContent, read_samples

_CHUNK_BYTES = 1 << 20
# A stored file was accepted by the time window and the limits of its day.
_ANY_TIME = TimeWindow(0, 10**16)
_ANY_LINE_COUNT = 2**63


def read_chunks(measurement: Measurement) -> Iterator[bytes]:
    """Yield the file's bytes, decompressed, in chunks of at most 1 MiB."""
    with pa.CompressedInputStream(pa.BufferReader(measurement.content), "zstd") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def load_content(measurement: Measurement) -> tuple[bytes | None, str]:
    """Return the file's bytes, None if they are lost, and the fault found, or ""."""
    try:
        content = b"".join(read_chunks(measurement))
    except (OSError, pa.ArrowException):
        return None, "it cannot be decompressed"
    if len(content) != measurement.size:
        return content, f"it has {len(content)} bytes, not {measurement.size}"
    if hashlib.sha256(content).digest() != bytes(measurement.sha256):
        return content, "its SHA-256 differs"
    return content, ""


def load_samples(measurement: Measurement) -> tuple[Samples | None, str]:
    """Return the samples of a stored file, None if it holds none, and the fault found, or ""."""
    content, fault = load_content(measurement)
    if content is None:
        return None, fault
    try:
        samples = read_samples(content, _ANY_TIME, _ANY_LINE_COUNT)
    except UnreadableContent:
        return None, fault or "it cannot be read any more"
    receipt = (measurement.samples, measurement.first_ms, measurement.last_ms)
    if not fault and receipt != (samples.lines, samples.first_ms, samples.last_ms):
        fault = "its receipt has another number of samples, first or last time"
    return samples, fault


def make_file_name(measurement: Measurement) -> str:
    """Return a file name that does not contain the one that the device chose."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", measurement.name)
    identity = re.sub(r"[^A-Za-z0-9_.@-]", "_", measurement.identity.name)
    return f"{identity}_{name}_{measurement.received_at:%Y%m%dT%H%M%S}_{measurement.pk.hex}.txt"
