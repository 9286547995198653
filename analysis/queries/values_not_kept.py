"""Values of a series that are not kept as they were sent: repeated times and rounded values.

Receipts have the counts. The repeated values themselves are in the files only, of which a bounded
number is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from analysis.queries.series import Series
from ingest.models import Measurement
from ingest.parsing.repeated_times import find_values_not_kept
from ingest.parsing.samples import US_PER_MS
from ingest.storage.stored_files import files_of_series, load_content
from ingest.time_range import TimeRange
from ingest.uuid7 import uuid7_floor

MAX_FILES_COUNTED = 1_000
MAX_FILES_READ = 20
MAX_SAMPLES_READ = 200_000
MAX_TIMES = 5_000


@dataclass(frozen=True)
class NotKept:
    """Counts of the files with samples in a range, and the repeated times inside it.

    ``times`` pairs epoch microseconds, ascending, with the values that are not kept.
    ``is_complete`` is False if more files or times than are read or listed have such values.
    """

    files: int
    repeated: int
    rounded: int
    times: list[tuple[int, list[float]]]
    is_complete: bool


def list_values_not_kept(series: Series, wanted: TimeRange) -> NotKept:
    """Return the values of the stored files of ``series`` that are not kept."""
    start, end = wanted.within(series.first_ms, series.last_ms)
    files = (
        files_of_series(series.identity_id, series.name)
        .filter(Q(repeated__gt=0) | Q(rounded__gt=0), first_ms__lt=end, last_ms__gte=start)
        .filter(status=Measurement.Status.STORED)
        .order_by("-id")
    )
    counted = list(files.defer("content", "errors")[: MAX_FILES_COUNTED + 1])
    times: dict[int, list[float]] = {}
    to_read = [file for file in counted if _repeated_of(file, series.name)]
    read = 0
    for place, values in _read_files(files, to_read, series.name):
        read = place
        for time_us, repeated in values.items():
            if start * US_PER_MS <= time_us < end * US_PER_MS:
                times.setdefault(time_us, []).extend(repeated)
    return NotKept(
        files=len(counted[:MAX_FILES_COUNTED]),
        repeated=sum(_repeated_of(file, series.name) for file in counted[:MAX_FILES_COUNTED]),
        rounded=sum(file.rounded for file in counted[:MAX_FILES_COUNTED]),
        times=sorted(times.items())[:MAX_TIMES],
        is_complete=read == len(to_read)
        and len(times) <= MAX_TIMES
        and len(counted) <= MAX_FILES_COUNTED,
    )


def count_values_not_kept(identity_ids: Sequence[int]) -> dict[int, int]:
    """Return the repeated and rounded values of files of the last day, by identity, if any."""
    since = uuid7_floor(timezone.now() - timedelta(days=1))
    files = Measurement.objects.filter(
        Q(repeated__gt=0) | Q(rounded__gt=0), identity_id__in=identity_ids, id__gte=since
    ).order_by()
    totals = files.values_list("identity_id").annotate(total=Sum("repeated") + Sum("rounded"))
    return dict(totals)


def _repeated_of(file: Measurement, name: str) -> int:
    """Return the number of repeated values that a file has of the series ``name``."""
    if file.series is None:
        return file.repeated
    return sum(counts["repeated"] for counts in file.series if counts["name"] == name)


def _read_files(
    files: QuerySet[Measurement], to_read: list[Measurement], name: str
) -> Iterator[tuple[int, dict[int, list[float]]]]:
    """Yield how many files are read by now, and the values of the last that are not kept."""
    samples = 0
    for place, file in enumerate(to_read[:MAX_FILES_READ], start=1):
        samples += file.samples
        if samples > MAX_SAMPLES_READ and place > 1:
            return
        whole = files.filter(pk=file.pk).first()
        content, fault = (None, "") if whole is None else load_content(whole)
        if content is None or fault:
            continue
        yield place, find_values_not_kept(content, file.series_names().index(name))
