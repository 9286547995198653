"""Stored measurement files of a time range, their total size and their receipts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from analysis.queries.read_database import connection
from analysis.queries.series import Series
from ingest.models import Measurement
from ingest.time_range import TimeRange

MAX_FILES_COUNTED = 20_000
# Size of a file's zip headers and of its entry in the list of receipts.
_RECEIPT_BYTES = 350
_SIZES = """
SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM (
    SELECT octet_length(content) AS bytes FROM ingest_measurement
    WHERE identity_id = %s AND name = %s AND status = 'stored'
    AND first_ms < %s AND last_ms >= %s LIMIT %s
) AS limited
"""


def list_files(series: Series, wanted: TimeRange) -> Iterator[Measurement]:
    """Yield the stored files with samples in ``wanted``, in the order of their arrival.

    Only one file is in memory at a time.
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
        # A file erased in the meantime is left out.
        file = Measurement.objects.select_related("identity", "certificate").filter(pk=pk).first()
        if file is not None:
            yield file


def estimate_files_bytes(series: Series, wanted: TimeRange) -> int | None:
    """Return the estimated size of a zip of ``list_files``; None above ``MAX_FILES_COUNTED``.

    Files compress in a zip about as well as in the database.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [series.identity_id, series.name, end, start, MAX_FILES_COUNTED + 1])
        count, size = cursor.fetchone()
    return None if count > MAX_FILES_COUNTED else int(size) + _RECEIPT_BYTES * int(count)


def make_receipt(measurement: Measurement) -> dict[str, object]:
    """Return the receipt that the device received, with the identity and the certificate."""
    receipt: dict[str, object] = {
        "id": str(measurement.pk),
        "identity": measurement.identity.name,
        "certificate": {"sha256": measurement.certificate.fingerprint},
        "name": measurement.name,
        "filename": measurement.filename,
        "content_type": measurement.content_type,
        "size": measurement.size,
        "sha256": bytes(measurement.sha256).hex(),
        "received_at": measurement.received_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "status": measurement.status,
        "lines": measurement.lines,
        "samples": measurement.samples,
        "new": measurement.new,
        "identical": measurement.identical,
        "replaced": measurement.replaced,
        "repeated": measurement.repeated,
        "first_ms": measurement.first_ms,
        "last_ms": measurement.last_ms,
        "errors": measurement.errors or [],
    }
    if measurement.rounded:
        receipt["rounded"] = measurement.rounded
    if measurement.series is not None:
        receipt["series"] = measurement.series
    return receipt
