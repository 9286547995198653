"""Find the hours whose blocks are to be compacted, and group those that one transaction takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from django.db import connection

from ingest.maintenance.day_rollup import SeriesDay
from ingest.maintenance.long_transaction import transaction_without_timeouts
from ingest.storage.day_summaries import HOURS

HOURS_PER_QUERY = 500

# The partial index of blocks that are not compacted finds them.
_CANDIDATES = """
SELECT b.identity_id, b.name, b.hour, count(*), sum(b.sample_count)
FROM ingest_sampleblock b
WHERE NOT b.compacted
  AND (b.identity_id, b.name, b.hour) > (%(identity_id)s, %(name)s, %(hour)s)
  AND b.identity_id <= %(last_identity_id)s
  AND b.hour < %(before_hour)s
GROUP BY b.identity_id, b.name, b.hour
ORDER BY b.identity_id, b.name, b.hour
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class SeriesHour:
    """One hour of one series; ``hour`` counts from 1970-01-01T00:00Z.

    ``blocks`` and ``samples`` are the numbers of those that were not compacted when it was found.
    """

    identity_id: int
    name: str
    hour: int
    blocks: int
    samples: int

    @property
    def day(self) -> SeriesDay:
        return SeriesDay(self.identity_id, self.name, self.hour // HOURS)


def find_candidates(identity_id: int | None, before_hour: int) -> Iterator[SeriesHour]:
    """Yield the hours before ``before_hour`` with a block that is not compacted.

    They come in order of identity, name and hour, in pages of a short transaction each.
    """
    after = SeriesHour(0 if identity_id is None else identity_id, "", -1, 0, 0)
    while True:
        with transaction_without_timeouts(), connection.cursor() as cursor:
            cursor.execute(
                _CANDIDATES,
                {
                    **asdict(after),
                    "last_identity_id": 2**63 - 1 if identity_id is None else identity_id,
                    "before_hour": before_hour,
                    "limit": HOURS_PER_QUERY,
                },
            )
            hours = [SeriesHour(*row) for row in cursor.fetchall()]
        yield from hours
        if len(hours) < HOURS_PER_QUERY:
            return
        after = hours[-1]


def group_hours(
    hours: Iterable[SeriesHour], max_blocks: int, max_samples: int
) -> Iterator[list[SeriesHour]]:
    """Yield successive hours of one series and UTC day together, up to so many in all.

    An hour that has more is yielded alone.
    """
    group: list[SeriesHour] = []
    blocks = samples = 0
    for hour in hours:
        blocks += hour.blocks
        samples += hour.samples
        is_full = blocks > max_blocks or samples > max_samples
        if group and (is_full or hour.day != group[0].day):
            yield group
            group, blocks, samples = [], hour.blocks, hour.samples
        group.append(hour)
    if group:
        yield group
