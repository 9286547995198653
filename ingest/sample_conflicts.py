"""Record that two live certificates of one identity replace each other's samples.

Two sensors that share a name by mistake overwrite each other's values in turn. The check runs only
where a file changed stored values and the identity has another live certificate. The stored files,
latest first, show which certificate sent the replaced values. Since the series is locked meanwhile,
the number of files read is bounded; samples that come from none of them are not counted. A pair of
sensors that share a name is detected no later for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection
from django.utils import timezone
from numpy.typing import NDArray

from ingest.models import DeviceCertificate, Measurement
from ingest.parsing.samples import US_PER_MS
from ingest.storage.stored_files import SERIES_FILES, load_samples, series_parameters

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
_RECORD = """
INSERT INTO ingest_sampleconflict AS known
    (identity_id, name, certificate_id, replaced_certificate_id, measurement_id,
     files, replaced, first_ms, last_ms, first_detected_at, last_detected_at)
VALUES (%(identity_id)s, %(name)s, %(certificate_id)s, %(other)s, %(measurement_id)s,
        1, %(replaced)s, %(first_ms)s, %(last_ms)s, %(now)s, %(now)s)
ON CONFLICT (identity_id, name, certificate_id, replaced_certificate_id) DO UPDATE SET
    measurement_id = excluded.measurement_id,
    files = known.files + 1,
    replaced = known.replaced + excluded.replaced,
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

    To be called in the transaction that stored the file, under the lock of its series. Erasure
    waits for that lock, so the identity needs no lock of its own.
    """
    if not replacement.changed:
        return
    others = _other_live_certificates(replacement.identity_id, replacement.certificate_id)
    if not others:
        return
    for other, times in _senders(replacement):
        if other in others:
            _add(replacement, other, times)


def _other_live_certificates(identity_id: int, certificate_id: int) -> set[int]:
    """Return the live certificates except this one and others of the same device.

    A device that renewed its certificate may correct what it sent with the older one.
    """
    live = DeviceCertificate.objects.live(timezone.now()).filter(identity_id=identity_id)
    others = set(live.exclude(pk=certificate_id).values_list("pk", flat=True))
    return others - _same_device(identity_id, certificate_id) if others else others


def _same_device(identity_id: int, certificate_id: int) -> set[int]:
    renewed = DeviceCertificate.objects.filter(identity_id=identity_id, replaces__isnull=False)
    links = list(renewed.values_list("pk", "replaces_id"))
    same, before = {certificate_id}, 0
    while before != len(same):
        before = len(same)
        same |= {end for link in links for end in link if end is not None and same & set(link)}
    return same


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


def _add(replacement: Replacement, other: int, times: NDArray[np.int64]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            {
                "identity_id": replacement.identity_id,
                "name": replacement.name,
                "certificate_id": replacement.certificate_id,
                "other": other,
                "measurement_id": replacement.measurement_id,
                "replaced": len(times),
                "first_ms": int(times[0]) // US_PER_MS,
                "last_ms": int(times[-1]) // US_PER_MS,
                "now": timezone.now(),
            },
        )
