"""Stored measurement files of a time range, their total size and their receipts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Lower

from analysis.queries.read_database import connection
from analysis.queries.samples import fetch_rows
from analysis.queries.series import Series
from analysis.queries.side_by_side import ColumnSet
from identities.models import Identity
from identities.visibility import Scope
from ingest.models import Measurement, Withdrawal
from ingest.parsing.samples import US_PER_MS
from ingest.series_names import filter_by_name
from ingest.storage.stored_files import SERIES_FILES, files_of_series, series_parameters
from ingest.time_range import TimeRange
from ingest.uuid7 import uuid7_floor

MAX_FILES_COUNTED = 20_000
_MAX_READING = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Size of a file's zip headers and of its entry in the list of receipts.
_RECEIPT_BYTES = 350
_SIZES = f"""
SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM (
    SELECT octet_length(m.content) AS bytes FROM ingest_measurement m
    WHERE {SERIES_FILES} AND m.status = 'stored'
    AND m.first_ms < %s AND m.last_ms >= %s LIMIT %s
) AS limited
"""  # noqa: S608 - constants only
_CONTENTS = """
SELECT m.id, m.content FROM ingest_measurement m
WHERE m.identity_id = %(identity_id)s AND m.id = ANY(%(ids)s) ORDER BY m.id
"""


@dataclass(frozen=True)
class FileSearch:
    """Which files to list; None, "" and open ranges select all.

    ``samples`` selects files with samples in the range, ``received`` those received in it.
    """

    identity: str | None
    name: str | None
    status: str
    samples: TimeRange
    received: TimeRange


def find_files(
    scope: Scope, search: FileSearch, after: str | None, limit: int
) -> list[Measurement]:
    """Return at most ``limit`` files of ``scope`` after the one with the id ``after``.

    They are in the order of their ids, that is of their reception.
    """
    files = scope.filter(Measurement.objects.order_by("id"))
    if search.identity is not None:
        identities = Identity.objects.alias(key=Lower("name"))
        found = identities.filter(key=search.identity.replace("\0", "").lower())
        files = files.filter(identity__in=list(found.values_list("pk", flat=True)))
        files = files if search.name is None else files.filter(name=search.name.replace("\0", ""))
    elif search.name is not None:
        files = filter_by_name(files, search.name)
    if search.status == Measurement.Status.WITHDRAWN:  # few, and found by their withdrawals
        files = files.filter(pk__in=Withdrawal.objects.values("measurement"))
    if search.status:
        files = files.filter(status=search.status)
    if search.samples.first_ms is not None:
        files = files.filter(last_ms__gte=search.samples.first_ms)
    if search.samples.to_ms is not None:
        files = files.filter(first_ms__lt=search.samples.to_ms)
    files = _filter_received(files, search.received)
    if after is not None:
        files = files.filter(pk__gt=UUID(after))
    return list(files.select_related("identity", "certificate").defer("content")[:limit])


def _filter_received(files: QuerySet[Measurement], received: TimeRange) -> QuerySet[Measurement]:
    # Ids begin with the time at which the upload was read, a little before the reception.
    start, end = received.moments
    if start is not None:
        floor = uuid7_floor(max(start - _MAX_READING, _EPOCH))
        files = files.filter(received_at__gte=start, pk__gte=floor)
    if end is not None:
        files = files.filter(received_at__lt=end, pk__lt=uuid7_floor(end + _MAX_READING))
    return files


def list_files(found: Series | ColumnSet, wanted: TimeRange) -> Iterator[Measurement]:
    """Yield the stored files with samples in ``wanted``, in the order of their arrival.

    Only one file is in memory at a time.
    """
    start, end = wanted.within_us(found.first_ms, found.last_ms)
    if isinstance(found, Series):
        files = files_of_series(found.identity_id, found.name)
    else:
        files = Measurement.objects.filter(
            identity_id=found.series[0].identity_id,
            name=found.name,
            columns__overlap=list(found.columns),
        )
    files = files.filter(
        status=Measurement.Status.STORED,
        first_ms__lt=-(-end // US_PER_MS),
        last_ms__gte=start // US_PER_MS,
    )
    for pk in list(files.order_by("sequence").values_list("pk", flat=True)):
        # A file erased in the meantime is left out.
        file = Measurement.objects.select_related("identity", "certificate").filter(pk=pk).first()
        if file is not None:
            yield file


def read_contents(identity_id: int, keys: list[UUID]) -> Iterator[tuple[UUID, bytes]]:
    """Yield key and compressed content of files of an identity, all of them read at once.

    They are received as bytes; Django's cursors receive text, which is twice as long.
    """
    rows = fetch_rows(_CONTENTS, {"identity_id": identity_id, "ids": keys})
    rows.reverse()
    while rows:
        key, content = rows.pop()
        yield key, content


def estimate_files_bytes(series: Series, wanted: TimeRange) -> int | None:
    """Return the estimated size of a zip of ``list_files``; None above ``MAX_FILES_COUNTED``.

    Files compress in a zip about as well as in the database.
    """
    start, end = wanted.within(series.first_ms, series.last_ms)
    with connection.cursor() as cursor:
        files = series_parameters(series.identity_id, series.name)
        cursor.execute(_SIZES, [*files, end, start, MAX_FILES_COUNTED + 1])
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
