"""Read stored measurement files back, and check that they are what the device sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import pyarrow as pa
from django.db.models import Q, QuerySet

from ingest.models import Measurement
from ingest.parsing.sample_file import read_sample_file
from ingest.parsing.sample_file_lines import UnreadableContent
from ingest.parsing.samples import ColumnSamples, FileLimits, SampleFile, TimeWindow

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


def load_file(measurement: Measurement) -> tuple[SampleFile | None, str]:
    """Return the samples of a stored file, None if it has none, and the fault found, or ""."""
    content, fault = load_content(measurement)
    if content is None:
        return None, fault
    try:
        file = read_sample_file(content, _ANY_TIME, _NO_LIMITS)
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
    if file is None:
        return None, fault
    return file.columns[measurement.series_names().index(series)], fault


def make_file_name(measurement: Measurement) -> str:
    """Return a file name that does not contain the one that the device chose."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", measurement.name)
    identity = re.sub(r"[^A-Za-z0-9_.@-]", "_", measurement.identity.name)
    return f"{identity}_{name}_{measurement.received_at:%Y%m%dT%H%M%S}_{measurement.pk.hex}.txt"
