"""Record sample conflicts: two live certificates of one identity replace each other's samples.

Two sensors that share a name by mistake overwrite each other's values in turn. The check runs only
where a file changed stored values and the identity has another live certificate. The stored files,
latest first, show which certificate sent the replaced values. Since the series is locked meanwhile,
the number of files read is bounded; samples that come from none of them are not counted. A pair of
sensors that share a name is detected no later for it.

Two devices can share one certificate too: a copied SD card, a restored image. Then files of one
certificate replace each other's values again and again, and from the third one of a day on they are
recorded as a conflict of the certificate with itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db import connection
from django.utils import timezone
from numpy.typing import NDArray

from ingest.models import DeviceCertificate, Measurement
from ingest.parsing.samples import US_PER_MS
from ingest.storage.stored_files import SERIES_FILES, load_samples, series_parameters
from ingest.uuid7 import uuid7_floor

_FILES = f"""
SELECT m.id, m.certificate_id, m.samples
FROM ingest_measurement m
WHERE {SERIES_FILES} AND m.status = 'stored' AND m.id <> %s
  AND m.first_ms <= %s AND m.last_ms >= %s
ORDER BY m.sequence DESC
LIMIT %s
"""  # noqa: S608 - constants only
MAX_FILES_READ = 20
MAX_SAMPLES_READ = 1_000_000
MIN_ALTERNATIONS = 3  # files of one device that replaced its own values, within ALTERNATION_PERIOD
ALTERNATION_PERIOD = timedelta(days=1)
# The partial index of remarkable files answers this: it holds those that replaced values.
_ALTERNATIONS = f"""
SELECT count(*), coalesce(sum(replaced), 0)::bigint FROM (
    SELECT CASE WHEN m.series IS NULL THEN m.replaced ELSE (
        SELECT sum((counts ->> 'replaced')::bigint) FROM jsonb_array_elements(m.series) AS counts
        WHERE counts ->> 'name' = %s) END AS replaced
    FROM ingest_measurement m
    WHERE {SERIES_FILES} AND m.status = 'stored' AND m.replaced > 0
      AND m.id >= %s AND m.certificate_id = ANY(%s)
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
    """A stored file that changed values of a series, and the times whose values changed."""

    identity_id: int
    certificate_id: int
    name: str
    measurement_id: uuid.UUID
    changed: Sequence[NDArray[np.int64]]  # epoch microseconds

    def times(self) -> NDArray[np.int64]:
        """Return the timestamps whose values changed, ascending."""
        return np.sort(np.concatenate(self.changed))


def record(replacement: Replacement) -> None:
    """Record the samples of other live certificates that the file replaced, if any.

    Record, too, that files of one device replace each other's values repeatedly.

    To be called in the transaction that stored the file, under the lock of its series. Erasure
    waits for that lock, so the identity needs no lock of its own.
    """
    if not replacement.changed:
        return
    same = _same_device(replacement.identity_id, replacement.certificate_id)
    others = _live_certificates(replacement.identity_id) - same
    if others:
        for other, times in _senders(replacement):
            if other in others:
                _add(replacement, other, times)
                same.discard(replacement.certificate_id)  # it replaced another device's values
    if replacement.certificate_id in same:
        _record_alternation(replacement, same)


def _live_certificates(identity_id: int) -> set[int]:
    live = DeviceCertificate.objects.live(timezone.now()).filter(identity_id=identity_id)
    return set(live.values_list("pk", flat=True))


def _same_device(identity_id: int, certificate_id: int) -> set[int]:
    """Return the certificate and those that it renewed or that renewed it.

    A device that renewed its certificate may correct what it sent with the older one.
    """
    renewed = DeviceCertificate.objects.filter(identity_id=identity_id, replaces__isnull=False)
    links = list(renewed.values_list("pk", "replaces_id"))
    same, before = {certificate_id}, 0
    while before != len(same):
        before = len(same)
        same |= {end for link in links for end in link if end is not None and same & set(link)}
    return same


def _record_alternation(replacement: Replacement, same: set[int]) -> None:
    """Record a conflict of a device with itself from the third replacing file of a day on."""
    since = uuid7_floor(timezone.now() - ALTERNATION_PERIOD)
    parameters = series_parameters(replacement.identity_id, replacement.name)
    with connection.cursor() as cursor:
        cursor.execute(_ALTERNATIONS, [replacement.name, *parameters, since, list(same)])
        files, replaced = cursor.fetchone()
    if files >= MIN_ALTERNATIONS:
        times = replacement.times()
        _add(
            replacement,
            replacement.certificate_id,
            times,
            files=files,
            replaced_before=replaced - len(times),
        )


def _senders(replacement: Replacement) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield (certificate, timestamps) of the files from which the replaced values came."""
    left = replacement.times()
    with connection.cursor() as cursor:
        cursor.execute(
            _FILES,
            [
                *series_parameters(replacement.identity_id, replacement.name),
                replacement.measurement_id,
                int(left[-1]) // US_PER_MS,
                int(left[0]) // US_PER_MS,
                MAX_FILES_READ,
            ],
        )
        files = cursor.fetchall()
    read = 0
    for measurement_id, certificate_id, count in files:
        read += count
        if read > MAX_SAMPLES_READ and read != count:  # the latest is read however large
            return
        measurement = Measurement.objects.get(
            identity_id=replacement.identity_id, pk=measurement_id
        )
        samples, _ = load_samples(measurement, replacement.name)
        if samples is None:
            continue
        is_from_file = np.isin(left, samples.times, assume_unique=True)
        if is_from_file.any():
            yield certificate_id, left[is_from_file]
            left = left[~is_from_file]
        if not len(left):
            return


def _add(
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
                "identity_id": replacement.identity_id,
                "name": replacement.name,
                "certificate_id": replacement.certificate_id,
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
