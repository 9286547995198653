"""Record sample conflicts: two live certificates of one identity replace each other's samples.

Two sensors that share a name by mistake overwrite each other's values in turn. The check runs only
where a file changed stored values and the identity has another live certificate. The stored files,
latest first, show which certificate sent the replaced values. Since the series are locked
meanwhile, a request has bounds on the series checked, the files read and the time of the search;
samples that come from none of these files are not counted. A pair of sensors that share a name is
detected no later for it.

Two devices can share one certificate too: a copied SD card, a restored image. Then files of one
certificate replace each other's values again and again, and from the third one of a day on they are
recorded as a conflict of the certificate with itself.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
from django.db import connection
from django.utils import timezone
from numpy.typing import NDArray

from ingest.models import DeviceCertificate, Measurement
from ingest.parsing.samples import US_PER_MS, ColumnSamples, FileSamples
from ingest.storage import transactions
from ingest.storage.stored_files import SERIES_FILES, load_file, select_series, series_parameters
from ingest.uuid7 import uuid7_floor

logger = logging.getLogger(__name__)

_FILES = f"""
SELECT m.id, m.certificate_id, m.samples
FROM ingest_measurement m
WHERE {SERIES_FILES} AND m.status = 'stored' AND m.id <> %s
  AND m.first_ms <= %s AND m.last_ms >= %s
ORDER BY m.sequence DESC
LIMIT %s
"""  # noqa: S608 - constants only
# Of a request. A file may have 63 columns and a request 100 files, each with series of its own.
MAX_SERIES_CHECKED = 64
MAX_FILES_READ = 20
MAX_SAMPLES_READ = 1_000_000
# A series may have millions of files, and all of them may overlap the changed times.
MAX_SEARCH_SECONDS = 5.0
MAX_RECENT_FILES = 10_000
MIN_ALTERNATIONS = 3  # files of one device that replaced its own values, within ALTERNATION_PERIOD
ALTERNATION_PERIOD = timedelta(days=1)
# The partial index of remarkable files answers this: it holds those that replaced values. The
# latest of them are read, whatever series they belong to.
_ALTERNATIONS = f"""
SELECT count(*), coalesce(sum(replaced), 0)::bigint FROM (
    SELECT CASE WHEN m.series IS NULL THEN m.replaced ELSE (
        SELECT sum((counts ->> 'replaced')::bigint) FROM jsonb_array_elements(m.series) AS counts
        WHERE counts ->> 'name' = %s) END AS replaced
    FROM (
        SELECT f.identity_id, f.name, f.columns, f.series, f.status, f.replaced, f.certificate_id
        FROM ingest_measurement f
        WHERE f.identity_id = %s AND (f.replaced > 0 OR f.repeated > 0 OR f.rounded > 0)
          AND f.id >= %s
        ORDER BY f.id DESC LIMIT {MAX_RECENT_FILES}
    ) AS m
    WHERE {SERIES_FILES} AND m.status = 'stored' AND m.replaced > 0 AND m.certificate_id = ANY(%s)
) AS files WHERE replaced > 0
"""  # noqa: S608 - constants only
_RECORD = """
INSERT INTO ingest_sampleconflict AS known
    (identity_id, name, certificate_id, replaced_certificate_id, measurement_id,
     files, replaced, first_ms, last_ms, first_detected_at, last_detected_at)
VALUES (%(identity_id)s, %(name)s, %(certificate_id)s, %(other)s, %(measurement_id)s,
        %(files)s, %(replaced_before)s + %(replaced)s, %(first_ms)s, %(last_ms)s, %(now)s, %(now)s)
ON CONFLICT (identity_id, name, certificate_id, replaced_certificate_id) DO UPDATE SET
    measurement_id = excluded.measurement_id,
    files = known.files + 1,
    replaced = known.replaced + %(replaced)s,
    first_ms = least(known.first_ms, excluded.first_ms),
    last_ms = greatest(known.last_ms, excluded.last_ms),
    last_detected_at = excluded.last_detected_at
"""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A series of a stored file, and the times whose values the file changed: at least one."""

    name: str
    measurement_id: uuid.UUID
    changed: Sequence[NDArray[np.int64]]  # epoch microseconds

    def times(self) -> NDArray[np.int64]:
        """Return the timestamps whose values changed, ascending."""
        return np.sort(np.concatenate(self.changed))


class ConflictSearch:
    """The search for sample conflicts in what one request replaces, with bounds on its work.

    To be used in the transaction that stores the files, under the locks of their series. Erasure
    waits for those, so the identity needs no lock of its own.
    """

    def __init__(self, identity_id: int, certificate_id: int) -> None:
        self._identity_id = identity_id
        self._certificate_id = certificate_id
        self._series_left = MAX_SERIES_CHECKED
        self._files_left = MAX_FILES_READ
        self._samples_left = MAX_SAMPLES_READ
        self._seconds_left = MAX_SEARCH_SECONDS
        self._read: dict[uuid.UUID, tuple[Measurement, FileSamples | None]] = {}

    def record(self, replacement: Replacement) -> None:
        """Record the samples of other live certificates that the file replaced, if any.

        Record, too, that files of one device replace each other's values repeatedly.
        """
        if self._series_left == 0 or self._seconds_left <= 0:
            return
        self._series_left -= 1
        replaces_others = False
        if self._others:
            for other, times in self._find_senders(replacement):
                if other in self._others:
                    self._add(replacement, other, times)
                    replaces_others = True
        if not replaces_others:
            self._record_alternation(replacement)

    @cached_property
    def _others(self) -> set[int]:
        """The live certificates of the identity's other devices."""
        live = DeviceCertificate.objects.live(timezone.now()).filter(identity_id=self._identity_id)
        return set(live.values_list("pk", flat=True)) - self._same_device

    @cached_property
    def _same_device(self) -> set[int]:
        """The certificate and those that it renewed or that renewed it.

        A device that renewed its certificate may correct what it sent with the older one.
        """
        renewed = DeviceCertificate.objects.filter(
            identity_id=self._identity_id, replaces__isnull=False
        )
        links = list(renewed.values_list("pk", "replaces_id"))
        same, before = {self._certificate_id}, 0
        while before != len(same):
            before = len(same)
            same |= {end for link in links for end in link if end is not None and same & set(link)}
        return same

    def _record_alternation(self, replacement: Replacement) -> None:
        """Record a conflict of a device with itself from the third replacing file of a day on."""
        since = uuid7_floor(timezone.now() - ALTERNATION_PERIOD)
        series = series_parameters(self._identity_id, replacement.name)
        parameters = [replacement.name, self._identity_id, since, *series, list(self._same_device)]
        for files, replaced in self._fetch(replacement.name, _ALTERNATIONS, parameters):
            if files < MIN_ALTERNATIONS:
                return
            times = replacement.times()
            self._add(
                replacement,
                self._certificate_id,
                times,
                files=files,
                replaced_before=replaced - len(times),
            )

    def _find_senders(self, replacement: Replacement) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield (certificate, timestamps) of the files from which the replaced values came."""
        left = replacement.times()
        for measurement_id, certificate_id, count in self._find_files(replacement, left):
            if not len(left) or not self._can_read(measurement_id, count):
                return
            samples = self._load_samples(measurement_id, replacement.name)
            if samples is None:
                continue
            is_from_file = np.isin(left, samples.times, assume_unique=True)
            if is_from_file.any():
                yield certificate_id, left[is_from_file]
                left = left[~is_from_file]

    def _find_files(
        self, replacement: Replacement, times: NDArray[np.int64]
    ) -> list[tuple[Any, ...]]:
        """Return (id, certificate, samples) of the latest files with samples between ``times``."""
        parameters = [
            *series_parameters(self._identity_id, replacement.name),
            replacement.measurement_id,
            int(times[-1]) // US_PER_MS,
            int(times[0]) // US_PER_MS,
            MAX_FILES_READ,
        ]
        return self._fetch(replacement.name, _FILES, parameters)

    def _fetch(
        self, name: str, statement: str, parameters: Sequence[object]
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a query, none where the time of the search has passed."""
        if self._seconds_left <= 0:
            return []
        started = time.monotonic()
        rows = transactions.fetch_within(self._seconds_left, statement, parameters)
        self._seconds_left -= time.monotonic() - started
        if rows is None:
            logger.warning("sample conflicts: the search in series %s took too long", name)
            self._seconds_left = 0.0
        return rows or []

    def _can_read(self, measurement_id: uuid.UUID, count: int) -> bool:
        """Count a file that is to be read; the first one is, however large."""
        if measurement_id in self._read:
            return True
        self._files_left -= 1
        self._samples_left -= count
        return not self._read or (self._files_left >= 0 and self._samples_left >= 0)

    def _load_samples(self, measurement_id: uuid.UUID, name: str) -> ColumnSamples | None:
        if measurement_id not in self._read:
            measurement = Measurement.objects.get(identity_id=self._identity_id, pk=measurement_id)
            self._read[measurement_id] = measurement, load_file(measurement)[0]
        return select_series(*self._read[measurement_id], name)

    def _add(
        self,
        replacement: Replacement,
        other: int,
        times: NDArray[np.int64],
        files: int = 1,
        replaced_before: int = 0,
    ) -> None:
        """Add to the pair's row; a new row counts earlier files and their replaced samples too."""
        with connection.cursor() as cursor:
            cursor.execute(
                _RECORD,
                {
                    "identity_id": self._identity_id,
                    "name": replacement.name,
                    "certificate_id": self._certificate_id,
                    "other": other,
                    "measurement_id": replacement.measurement_id,
                    "files": files,
                    "replaced_before": replaced_before,
                    "replaced": len(times),
                    "first_ms": int(times[0]) // US_PER_MS,
                    "last_ms": int(times[-1]) // US_PER_MS,
                    "now": timezone.now(),
                },
            )
