"""A reader that reads the ranges of the changes feed holds what is stored, whatever happened."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from analysis.queries.changes import Change, read_changes
from ingest.maintenance import deletion
from ingest.time_range import TimeRange
from tests.analysis.random_site import Samples, Site, read_range

pytestmark = pytest.mark.usefixtures("own_db")


@dataclass
class Reader:
    """Follows the feed by reading each range that it names."""

    random: random.Random
    after: str | None = None
    held: dict[tuple[int, str], Samples] = field(default_factory=dict)

    def follow(self) -> None:
        while True:
            page = read_changes(self.after, limit=self.random.choice([1, 3, 1000]))
            for change in page.changes:
                self._read(change)
            self.after = page.cursor
            if not page.has_more:
                return

    def _read(self, change: Change) -> None:
        held = self.held.setdefault((change.identity_id, change.name), {})
        for time in [t for t in held if change.from_ms <= t // 1000 < change.to_ms]:
            del held[time]
        if change.identity is not None:
            wanted = TimeRange(change.from_ms, change.to_ms)
            held |= read_range(change.identity, change.name, wanted)


@pytest.mark.parametrize("seed", range(4))
def test_a_reader_of_the_feed_holds_what_is_stored(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "BLOCKS_PER_STEP", 3)
    site = Site(random.Random(seed))  # noqa: S311
    reader = Reader(random.Random(seed))  # noqa: S311
    late = Reader(random.Random(seed))  # noqa: S311
    for _ in range(60):
        site.act()
        if site.random.random() < 0.3:
            reader.follow()
    for each in (reader, late):
        each.follow()
        assert {key: samples for key, samples in each.held.items() if samples} == site.holds()
