"""Read stored measurement files back, and check that they are what the device sent."""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
import zlib
from collections.abc import Iterator

import pyarrow as pa
from django.db.models import Q, QuerySet

from ingest.models import Measurement
from ingest.parsing.measurement_file import read_measurement_file
from ingest.parsing.measurement_file_lines import UnreadableContent
from ingest.parsing.samples import ColumnSamples, FileLimits, FileSamples, TimeWindow
from ingest.signals import file_damaged

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20
# A stored file was accepted by the time window and the limits of its day.
_ANY_TIME = TimeWindow(0, 10**16)
_NO_LIMITS = FileLimits(2**63, 2**63)


# The files with samples of a series: of its own name, or with a column that completes the name.
SERIES_FILES = """
m.identity_id = %s
AND (m.name = %s AND m.columns IS NULL OR m.name = %s AND m.columns @> %s::varchar[])
"""


def series_parameters(identity_id: int, series: str) -> list[int | str | list[str]]:
    """Return the parameters of ``SERIES_FILES``."""
    name, _, column = series.rpartition(".")
    return [identity_id, series, name, [column]]


def files_of_series(identity_id: int, series: str) -> QuerySet[Measurement]:
    """Return the files with samples of ``series``, also rejected and withdrawn ones."""
    name, _, column = series.rpartition(".")
    return Measurement.objects.filter(
        Q(name=series, columns=None) | Q(name=name, columns__contains=[column]),
        identity_id=identity_id,
    )


def read_chunks(measurement: Measurement) -> Iterator[bytes]:
    """Yield the file's bytes, decompressed, in chunks of at most 1 MiB."""
    with pa.CompressedInputStream(pa.BufferReader(measurement.content), "zstd") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


class FileDamaged(Exception):
    """A stored file is not what the device sent; the text is the fault."""


def read_verified(measurement: Measurement) -> Iterator[bytes]:
    """Return the file's chunks, as ``read_chunks``; raise ``FileDamaged`` before the first one.

    The file is read twice: what has been sent cannot be taken back.
    """
    verify_content(measurement)
    return read_chunks(measurement)


def find_fault(measurement: Measurement) -> str:
    """Return how the stored file differs from what the device sent, or ""."""
    return _check(measurement)[0]


def verify_content(measurement: Measurement) -> int:
    """Return the CRC-32 of the file; raise ``FileDamaged``, as ``read_verified``."""
    fault, crc32 = _check(measurement)
    if fault:
        report_damage(measurement.identity_id, measurement.pk, measurement.name, fault)
        raise FileDamaged(fault)
    return crc32


def _check(measurement: Measurement) -> tuple[str, int]:
    """Return the fault of the stored file, or "", and its CRC-32."""
    digest, size, crc32 = hashlib.sha256(), 0, 0
    try:
        for chunk in read_chunks(measurement):
            digest.update(chunk)
            size += len(chunk)
            crc32 = zlib.crc32(chunk, crc32)
    except (OSError, pa.ArrowException):
        return "it cannot be decompressed", 0
    return _compare(measurement, size, digest.digest()), crc32


def _compare(measurement: Measurement, size: int, sha256: bytes) -> str:
    if size != measurement.size:
        return f"it has {size} bytes, not {measurement.size}"
    return "" if sha256 == bytes(measurement.sha256) else "its SHA-256 differs"


def report_damage(identity_id: int, measurement_id: uuid.UUID, name: str, fault: str) -> None:
    """Log that a stored file is damaged and send the signal ``file_damaged``, to open an incident.

    Not to be called in a transaction that may fail: the incident would be lost.
    """
    logger.error("the stored file %s is damaged: %s", measurement_id, fault)
    file_damaged.send(
        Measurement, identity_id=identity_id, measurement_id=measurement_id, name=name
    )


def load_content(measurement: Measurement) -> tuple[bytes | None, str]:
    """Return the file's bytes, None if they are lost, and the fault found, or ""."""
    try:
        content = b"".join(read_chunks(measurement))
    except (OSError, pa.ArrowException):
        return None, "it cannot be decompressed"
    return content, _compare(measurement, len(content), hashlib.sha256(content).digest())


def load_file(measurement: Measurement) -> tuple[FileSamples | None, str]:
    """Return the samples of a stored file, None if it has none, and the fault found, or ""."""
    content, fault = load_content(measurement)
    if content is None:
        return None, fault
    try:
        file = read_measurement_file(content, _ANY_TIME, _NO_LIMITS)
    except UnreadableContent:
        return None, fault or "it cannot be read any more"
    names = measurement.columns
    if len(file.columns) != (1 if names is None else len(names)):
        return None, fault or "it has another number of columns than its receipt"
    samples = [column for column in file.columns if len(column.times)]
    found = (
        sum(column.count for column in samples),
        min(column.first_ms for column in samples),
        max(column.last_ms for column in samples),
    )
    if not fault and found != (measurement.samples, measurement.first_ms, measurement.last_ms):
        fault = "its receipt has another number of samples, first or last time"
    return file, fault


def load_samples(measurement: Measurement, series: str) -> tuple[ColumnSamples | None, str]:
    """Return the samples that a stored file has of ``series``, as ``load_file`` does."""
    file, fault = load_file(measurement)
    return select_series(measurement, file, series), fault


def select_series(
    measurement: Measurement, file: FileSamples | None, series: str
) -> ColumnSamples | None:
    """Return the samples of ``series`` in what was read of a stored file."""
    return None if file is None else file.columns[measurement.series_names().index(series)]


def make_file_name(measurement: Measurement) -> str:
    """Return a file name that does not contain the one that the device chose."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", measurement.name)
    identity = re.sub(r"[^A-Za-z0-9_.@-]", "_", measurement.identity.name)
    return f"{identity}_{name}_{measurement.received_at:%Y%m%dT%H%M%S}_{measurement.pk.hex}.txt"
