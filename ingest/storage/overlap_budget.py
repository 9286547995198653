"""The limit of the stored samples that one request is compared with."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.escaping import escape
from ingest.storage.transactions import DatabaseUnavailable

# Stored samples that one request may be compared with: they take a few seconds. A file with a
# sample in each of 30,000 full hours would take minutes. A block costs as much as BLOCK_COST
# samples beside its own, for it may have to be rewritten, and as ROW_COST if only its row is read.
MAX_OVERLAID_SAMPLES = 20_000_000
BLOCK_COST = 2_000
ROW_COST = 100
# Compaction merges the blocks of an hour soon after its end.
RETRY_AFTER_SECONDS = (900, 1800)


class OverlapTooLarge(Exception):
    """A request would have to be compared with more than ``MAX_OVERLAID_SAMPLES``."""


class HourNotCompacted(DatabaseUnavailable):
    """One hour is too much to compare with, until its blocks follow one another in time."""

    title = "An hour has too many blocks"


@dataclass(slots=True)
class OverlapBudget:
    """The stored samples that a request may still be compared with."""

    left: int = MAX_OVERLAID_SAMPLES
    first_hour: int | None = None

    def spend(self, name: str, hour: int, cost: int, *, is_compacted: bool) -> None:
        """Count what is read of a block; raise ``OverlapTooLarge`` or ``HourNotCompacted``.

        A device can send less where the hours are several or their blocks follow one another in
        time, as they do after compaction. The columns of one line cannot be sent apart.
        """
        self.left -= cost
        if self.first_hour is None:
            self.first_hour = hour
        if self.left >= 0:
            return
        if is_compacted or self.first_hour != hour:
            raise OverlapTooLarge
        raise HourNotCompacted(
            f"The hour {_format_hour(hour)} of the series {escape(name, 64)} holds too much "
            "unsorted data to compare the file with. It is sorted after its end: keep the data and "
            "try again later.",
            retry_after=random.randint(*RETRY_AFTER_SECONDS),  # noqa: S311 - jitter
        )


def _format_hour(hour: int) -> str:
    return datetime.fromtimestamp(hour * 3600, UTC).strftime("%Y-%m-%dT%H:00Z")
