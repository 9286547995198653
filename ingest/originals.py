"""Files as devices sent them, byte for byte, and the names they can safely be given out under."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa

from ingest.models import Measurement

_PIECE_BYTES = 1 << 20


def read_original(measurement: Measurement) -> Iterator[bytes]:
    """Yield the file's bytes, in pieces of at most a MiB."""
    with pa.CompressedInputStream(pa.BufferReader(measurement.content), "zstd") as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece


def make_file_name(measurement: Measurement) -> str:
    """Return a name made from ours alone: what the device called its file is not in it."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", measurement.name)
    identity = re.sub(r"[^A-Za-z0-9_.@-]", "_", measurement.identity.name)
    return f"{identity}_{name}_{measurement.received_at:%Y%m%dT%H%M%S}_{measurement.pk.hex}.txt"


def make_headers(measurement: Measurement) -> dict[str, str]:
    """Return the headers under which a browser stores the file and never runs or shows it."""
    return {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(measurement.size),
        "Content-Disposition": f'attachment; filename="{make_file_name(measurement)}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }
