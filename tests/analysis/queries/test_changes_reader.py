"""A reader that reads the ranges of the changes feed holds what is stored, whatever happened."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from analysis.queries.changes import Change, read_changes
from analysis.queries.samples import read_samples
from analysis.queries.series import UnknownSeriesError, find_series
from identities.models import Identity
from ingest.maintenance import deletion
from ingest.maintenance.compaction import compact
from ingest.maintenance.erasure import erase
from ingest.maintenance.rebuild import rebuild_series
from ingest.maintenance.reparse import reparse
from ingest.maintenance.retention import prune
from ingest.maintenance.withdrawal import withdraw
from ingest.models import DeviceCertificate, Measurement, RetentionPolicy, SampleBlock
from ingest.parsing.samples import FileLimits, TimeWindow
from ingest.time_range import TimeRange
from tests.ingest.maintenance.factories import (
    DAY_MS,
    HOUR_MS,
    MORNING,
    WINDOW,
    make_certificate,
    make_identity,
    send,
)

pytestmark = pytest.mark.usefixtures("own_db")
NARROW = TimeWindow(0, MORNING + 3 * HOUR_MS)
Samples = dict[int, float]  # by epoch microseconds


def read_range(identity: str, name: str, wanted: TimeRange) -> Samples:
    try:
        series = find_series(identity, name)
    except UnknownSeriesError:
        return {}
    return {
        time: value
        for part in read_samples(series, wanted)
        for time, value in zip(part.time_us.tolist(), part.value.tolist(), strict=True)
    }


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


@dataclass
class Site:
    """An installation in which anything may happen."""

    random: random.Random
    certificates: list[DeviceCertificate] = field(default_factory=list)

    def register(self) -> None:
        self.certificates.append(make_certificate(make_identity()))

    def upload(self) -> None:
        if not self.certificates:
            return self.register()
        start = MORNING + self.random.randrange(4 * HOUR_MS)
        step = self.random.choice([1, 1000, 900_000])
        times = [start + step * i for i in range(self.random.choice([1, 7, 30]))]
        lines = "".join(f"{t},{self.random.randrange(3)},{t % 7}\n" for t in times)
        if self.random.random() < 0.7:
            lines = "".join(f"{line.rpartition(',')[0]}\n" for line in lines.splitlines())
        send(self.random.choice(self.certificates), lines.encode(), window=NARROW)
        return None

    def withdraw(self) -> None:
        files = list(Measurement.objects.filter(status="stored").values_list("pk", flat=True))
        if files:
            file = Measurement.objects.get(pk=self.random.choice(files))
            withdraw(file, by="ada", reason="at random")

    def reparse(self) -> None:
        for certificate in self.certificates:
            for _ in reparse(certificate.identity_id, WINDOW, FileLimits(1000, 1000)):
                pass

    def rebuild(self) -> None:
        for identity_id, name in SampleBlock.objects.values_list("identity_id", "name").distinct():
            rebuild_series(identity_id, name)

    def prune(self) -> None:
        RetentionPolicy.objects.update_or_create(identity=None, defaults={"keep_days": 1})
        list(prune(MORNING + DAY_MS + self.random.randrange(2 * HOUR_MS), "ada"))

    def erase(self) -> None:
        if self.certificates:
            gone = self.certificates.pop(self.random.randrange(len(self.certificates)))
            erase(gone.identity, by="ada")

    def holds(self) -> dict[tuple[int, str], Samples]:
        names = dict(Identity.objects.values_list("pk", "name"))
        series = SampleBlock.objects.values_list("identity_id", "name").distinct()
        return {
            (pk, name): read_range(names[pk], name, TimeRange(None, None)) for pk, name in series
        }


@pytest.mark.parametrize("seed", range(4))
def test_a_reader_of_the_feed_holds_what_is_stored(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "BLOCKS_PER_STEP", 3)
    site = Site(random.Random(seed))  # noqa: S311
    reader = Reader(random.Random(seed))  # noqa: S311
    late = Reader(random.Random(seed))  # noqa: S311
    acts = [site.upload] * 14 + [site.withdraw] * 3 + [site.register] * 2 + [compact]
    acts += [site.reparse, site.rebuild, site.prune, site.erase]
    for _ in range(60):
        site.random.choice(acts)()
        if site.random.random() < 0.3:
            reader.follow()
    for each in (reader, late):
        each.follow()
        assert {key: samples for key, samples in each.held.items() if samples} == site.holds()
