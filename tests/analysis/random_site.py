"""An installation in which anything may happen, and what its series hold."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from analysis.queries.samples import read_samples
from analysis.queries.series import UnknownSeriesError, find_series
from identities.models import Identity
from identities.visibility import EVERYTHING
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

Samples = dict[int, float]  # by epoch microseconds


def read_range(identity: str, name: str, wanted: TimeRange) -> Samples:
    try:
        series = find_series(identity, name, EVERYTHING)
    except UnknownSeriesError:
        return {}
    return {
        time: value
        for part in read_samples(series, wanted)
        for time, value in zip(part.time_us.tolist(), part.value.tolist(), strict=True)
    }


@dataclass
class Site:
    """An installation in which anything may happen."""

    random: random.Random
    starts: tuple[int, ...] = (MORNING,)
    certificates: list[DeviceCertificate] = field(default_factory=list)

    def register(self) -> None:
        self.certificates.append(make_certificate(make_identity()))

    def upload(self) -> None:
        if not self.certificates:
            return self.register()
        day = self.random.choice(self.starts)
        start = day + self.random.randrange(4 * HOUR_MS)
        step = self.random.choice([1, 1000, 900_000])
        times = [start + step * i for i in range(self.random.choice([1, 7, 30]))]
        lines = "".join(f"{t},{self.random.randrange(3)},{t % 7}\n" for t in times)
        if self.random.random() < 0.7:
            lines = "".join(f"{line.rpartition(',')[0]}\n" for line in lines.splitlines())
        send(
            self.random.choice(self.certificates),
            lines.encode(),
            window=TimeWindow(0, day + 3 * HOUR_MS),
        )
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

    def act(self) -> None:
        """Do one thing at random."""
        acts = [self.upload] * 14 + [self.withdraw] * 3 + [self.register] * 2 + [compact]
        acts += [self.reparse, self.rebuild, self.prune, self.erase]
        self.random.choice(acts)()

    def holds(self) -> dict[tuple[int, str], Samples]:
        names = dict(Identity.objects.values_list("pk", "name"))
        series = SampleBlock.objects.values_list("identity_id", "name").distinct()
        return {
            (pk, name): read_range(names[pk], name, TimeRange(None, None)) for pk, name in series
        }
