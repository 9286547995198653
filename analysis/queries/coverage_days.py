"""How much came on each day: counted from the summaries of blocks, which lie inside one day."""

from __future__ import annotations

from analysis.queries.read_database import connection
from analysis.queries.series import Series

HOURS_A_DAY = 24

_DAYS = """
SELECT b.hour / 24, sum(b.sample_count)::bigint FROM ingest_sampleblock b
WHERE b.identity_id = %s AND b.name = %s AND b.hour >= %s AND b.hour < %s GROUP BY 1
"""


def count_days(series: Series, first_day: int, days: int) -> dict[int, int]:
    """Return the samples of each UTC day that has any; days count from 1970-01-01."""
    first_hour = first_day * HOURS_A_DAY
    with connection.cursor() as cursor:
        cursor.execute(
            _DAYS,
            [series.identity_id, series.name, first_hour, first_hour + days * HOURS_A_DAY],
        )
        return dict(cursor.fetchall())
