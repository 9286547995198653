"""Whatever is done in whatever order, a series is what a dictionary would be."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from ingest.maintenance.compaction import compact
from ingest.maintenance.rebuild import rebuild_series
from ingest.maintenance.reparse import Reparsed, reparse
from ingest.maintenance.verification import verify_series
from ingest.maintenance.withdrawal import withdraw
from ingest.models import DeviceCertificate, Measurement
from ingest.parsing.samples import FileLimits, TimeWindow
from ingest.receipts import Receipt
from tests.ingest.maintenance.factories import (
    HOUR_MS,
    MORNING,
    WINDOW,
    make_certificate,
    make_identity,
    send,
    stored,
    write_file,
)
from tests.support.examples import IS_LONG_RUN

pytestmark = pytest.mark.usefixtures("live_db")

# Files that reach beyond this are rejected until they are read again.
NARROW = TimeWindow(0, MORNING + 3 * HOUR_MS)


@dataclass
class Model:
    """The files in the order in which they count, and the dictionary that they make."""

    certificate: DeviceCertificate
    random: random.Random
    files: list[tuple[Receipt, dict[int, float]]] = field(default_factory=list)
    rejected: list[tuple[Receipt, dict[int, float]]] = field(default_factory=list)
    withdrawn: list[dict[int, float]] = field(default_factory=list)

    def series(self) -> dict[int, float]:
        return {time: value for _, samples in self.files for time, value in samples.items()}

    def upload(self) -> None:
        start = MORNING + self.random.randrange(4 * HOUR_MS)
        step = self.random.choice([1, 1000, 60_000, 900_000])
        count = self.random.choice([1, 7, 50])
        samples = {
            start + step * i: float(self.random.randrange(4))
            for i in sorted(self.random.sample(range(2 * count), count))
        }
        before = self.series()
        receipt = send(self.certificate, samples, window=NARROW)
        if max(samples) > NARROW.latest_ms:
            assert receipt.status == "rejected"
            self.rejected.append((receipt, samples))
            return
        shared = samples.keys() & before.keys()
        same = sum(samples[time] == before[time] for time in shared)
        assert receipt.status == "stored"
        assert receipt.new == len(samples) - len(shared)
        assert (receipt.identical, receipt.replaced) == (same, len(shared) - same)
        self.files.append((receipt, samples))

    def repeat(self) -> None:
        known = [samples for _, samples in self.files] + self.withdrawn
        if known:
            receipt = send(self.certificate, write_file(self.random.choice(known)), window=NARROW)
            assert receipt.status == "duplicate"

    def compact(self) -> None:
        compact(identity_id=self.certificate.identity_id)

    def rebuild(self) -> None:
        rebuild_series(self.certificate.identity_id, "hr")

    def withdraw(self) -> None:
        if self.files:
            receipt, samples = self.files.pop(self.random.randrange(len(self.files)))
            withdraw(Measurement.objects.get(pk=receipt.id), by="model", reason="at random")
            self.withdrawn.append(samples)

    def reparse(self) -> None:
        done = Reparsed()
        for done in reparse(self.certificate.identity_id, WINDOW, FileLimits(1000, 1000)):  # noqa: B007
            pass
        assert [file.pk for file in done.stored] == [receipt.id for receipt, _ in self.rejected]
        self.files += self.rejected
        self.rejected = []


@pytest.mark.parametrize("seed", range(6 if IS_LONG_RUN else 3))
def test_a_random_program_leaves_what_a_dictionary_holds(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("rebuild", "withdrawal", "verification"):
        monkeypatch.setattr(f"ingest.maintenance.{module}.SAMPLES_PER_RUN", 200 + 700 * (seed % 3))
    model = Model(make_certificate(make_identity()), random.Random(seed))  # noqa: S311
    acts = [model.upload] * 12 + [model.repeat] * 2 + [model.withdraw] * 2
    acts += [model.compact, model.rebuild, model.reparse]
    identity = model.certificate.identity
    for number in range(60 if IS_LONG_RUN else 40):
        act = model.random.choice(acts)
        act()
        assert stored(identity) == model.series()
        if act not in (model.upload, model.repeat) or number % 4 == 3:
            assert verify_series(identity.pk, "hr").is_clean
