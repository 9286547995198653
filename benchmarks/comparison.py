"""One load sent to several targets in turn, A B A B, and the best of what they reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import load_tool, machine
from benchmarks.devices import BenchDevice
from benchmarks.load_tool import LoadResult, UploadJob
from benchmarks.processes import CannotMeasure
from benchmarks.target import Target
from benchmarks.workloads import Scale, Workload, csv, files, lines, write_corpus

# VictoriaMetrics shows samples a moment after it has taken them.
SETTLE_SECONDS = 5.0
# Sent once to each target: workers load, connections open, statements are prepared.
WARM_UP = Workload("hr-warm-up", 7, 2_000, least=64)


@dataclass
class Measured:
    """What was measured of one target: a rate for each round, and what was wrong, if anything."""

    rates: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float | None:
        """Return the best rate in files a second; None where it must not be believed.

        What disturbs a run only slows it, so that the best of several varies least.
        """
        return max(self.rates) if self.rates and not self.faults else None


@dataclass(frozen=True)
class Run:
    """How one load is sent: over kept-alive connections, or with a TLS handshake each."""

    devices: Sequence[BenchDevice]
    handshake_each: bool = False
    repeated: bool = False  # files that are stored already
    most_files: int | None = None


class Corpora:
    """The files of each workload on disk, and how far each target has used them."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self._folder = folder
        self._scale = scale
        self._made: dict[tuple[str, str], tuple[Path, int]] = {}
        self._used: dict[tuple[str, str], int] = {}

    def find(self, workload: Workload, kind: str) -> tuple[Path, int]:
        """Return the corpus, made now if it is missing, and how many files it holds."""
        key = (workload.series, kind)
        if key not in self._made:
            path = self._folder / f"{workload.series}.{kind}"
            write = partial(lines, workload.series) if kind == "lines" else csv
            contents = files(self._scale.files_of(workload), workload.samples, write)
            self._made[key] = path, write_corpus(path, contents)
        return self._made[key]

    def used(self, workload: Workload, target: Target) -> int:
        """Return how many of the workload's files ``target`` has been sent."""
        return self._used.get((workload.series, target.url), 0)

    def use(self, workload: Workload, target: Target, count: int) -> None:
        """Remember that ``target`` has been sent so many more."""
        self._used[(workload.series, target.url)] = self.used(workload, target) + count

    def drop(self, workload: Workload) -> None:
        """Remove the workload's files from the disk."""
        for key in [key for key in self._made if key[0] == workload.series]:
            with suppress(FileNotFoundError):
                self._made.pop(key)[0].unlink()


def compare(
    targets: Sequence[Target],
    workload: Workload,
    corpora: Corpora,
    scale: Scale,
    run_for: Callable[[Target], Run],
) -> dict[str, Measured]:
    """Send ``workload`` to each target in turn, ``scale.rounds`` times; the key is its name."""
    found = {target.name: Measured() for target in targets}
    for _ in range(scale.rounds):
        for target in targets:
            measured = found[target.name]
            if measured.faults:
                continue
            try:
                result = send(target, workload, corpora, scale, run_for(target))
                measured.rates.append(result.rate)
            except CannotMeasure as reason:
                measured.faults.append(f"{target.name}, {workload.samples:,} samples: {reason}")
    return found


def send(
    target: Target, workload: Workload, corpora: Corpora, scale: Scale, run: Run
) -> LoadResult:
    """Send files once and see that what was acknowledged is stored, or raise ``CannotMeasure``."""
    if workload is not WARM_UP and corpora.used(WARM_UP, target) == 0:
        send(target, WARM_UP, corpora, scale, Run(run.devices))
    before = target.stored()
    job = _job(target, workload, corpora, scale, run)
    if scale.settles:
        machine.settle()
    result = load_tool.upload(job)
    if not run.repeated:
        corpora.use(workload, target, result.sent)
    if result.acknowledged == 0 or result.errors or result.acknowledged != result.sent:
        raise CannotMeasure(
            f"{result.sent} sent, {result.acknowledged} acknowledged, {result.errors} lost, "
            f"answers {result.statuses}"
        )
    each = (
        0 if run.repeated else {"samples": workload.samples, "files": 1, "nothing": 0}[target.keeps]
    )
    _verify(target, before, result.acknowledged * each)
    return result


def _job(target: Target, workload: Workload, corpora: Corpora, scale: Scale, run: Run) -> UploadJob:
    form = target.form(workload.series)
    path, made = corpora.find(workload, form.corpus)
    used = corpora.used(workload, target)
    if run.repeated:
        start, limit = 0, used
    elif target.keeps == "samples":
        # A round does not take the files of the next.
        start, limit = used, min(made // scale.rounds, made - used)
    else:
        start, limit = 0, 1_000_000  # nothing tells it that a file is not fresh
    limit = min(limit, run.most_files or limit)
    if limit < len(run.devices):
        raise CannotMeasure(f"too few fresh files are left: {used} of {made} were sent")
    return UploadJob(
        url=target.url,
        devices=[device.for_load_tool() for device in run.devices],
        corpus=str(path),
        start=start,
        limit=limit,
        head=form.head,
        tail=form.tail,
        content_type=form.content_type,
        handshake_each=run.handshake_each,
        seconds=scale.seconds,
        warm_up_seconds=0.0 if run.most_files else scale.warm_up_seconds,
    )


def _verify(target: Target, before: int, expected: int) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while (found := target.stored() - before) != expected:
        if time.monotonic() > deadline:
            raise CannotMeasure(
                f"acknowledged {expected:,} {target.keeps}, stored {found:,}: not believed"
            )
        time.sleep(0.2)
