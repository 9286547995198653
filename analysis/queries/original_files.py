"""Files as devices sent them, byte for byte, and the names they can safely be given out under."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC

from analysis.queries.read_database import connection
from analysis.queries.series import Series
from ingest.models import Measurement
from ingest.time_range import TimeRange

MAX_SIZED = 20_000
# What a zip and its list of receipts hold of each file beside its bytes.
_RECEIPT = 350
_SIZES = """
SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM (
    SELECT octet_length(content) AS bytes FROM ingest_measurement
    WHERE identity_id = %s AND name = %s AND status = 'stored'
    AND first_ms < %s AND last_ms >= %s LIMIT %s
) AS each
"""


def list_originals(series: Series, wanted: TimeRange) -> Iterator[Measurement]:
    """Yield the stored files with samples in ``wanted``, in the order in which they came.

    Only one of them is in memory at a time.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    files = Measurement.objects.filter(
        identity_id=series.identity_id,
        name=series.name,
        status=Measurement.Status.STORED,
        first_ms__lt=end,
        last_ms__gte=start,
    )
    for pk in list(files.order_by("sequence").values_list("pk", flat=True)):
        # What was forgotten meanwhile is left out.
        found = Measurement.objects.select_related("identity", "certificate").filter(pk=pk).first()
        if found is not None:
            yield found


def size_of_originals(series: Series, wanted: TimeRange) -> int | None:
    """Return about how large a zip of ``list_originals`` becomes; None of more than can be counted.

    What the files take compressed in the database is about what they take in a zip.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [series.identity_id, series.name, end, start, MAX_SIZED + 1])
        files, size = cursor.fetchone()
    return None if files > MAX_SIZED else int(size) + _RECEIPT * int(files)


def tell_receipt(found: Measurement) -> dict[str, object]:
    """Return the receipt that the device was given, and whose file it is."""
    return {
        "id": str(found.pk),
        "identity": found.identity.name,
        "certificate": {"sha256": found.certificate.fingerprint},
        "name": found.name,
        "filename": found.filename,
        "content_type": found.content_type,
        "size": found.size,
        "sha256": bytes(found.sha256).hex(),
        "received_at": found.received_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "status": found.status,
        "samples": found.samples,
        "new": found.new,
        "identical": found.identical,
        "replaced": found.replaced,
        "first_ms": found.first_ms,
        "last_ms": found.last_ms,
        "errors": found.errors or [],
    }


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
