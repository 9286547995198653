"""One load sent to several targets in turn: the rate and the processor time of each round."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import load_tool, machine
from benchmarks.devices import BenchmarkDevice
from benchmarks.load_tool import UploadJob
from benchmarks.targets import Target
from benchmarks.workloads import (
    Scale,
    Workload,
    csv_lines,
    generate_files,
    influxdb_lines,
    write_corpus,
)
from benchmarks.workspace import CannotMeasure

# VictoriaMetrics shows samples some seconds after it has acknowledged them.
VISIBILITY_TIMEOUT_SECONDS = 5.0
UNLIMITED_FILES = 1_000_000
# Sent once to each target: workers load, connections open, statements are prepared.
WARM_UP = Workload("hr-warm-up", 7, 2_000, min_files_per_round=64)


@dataclass(frozen=True)
class Load:
    """How a workload is sent: by which devices, with which connections, how many files at most.

    ``repeated`` sends files that are stored already. ``rate`` bounds the files a second.
    ``is_alone`` is False beside other work, which the load then does not wait for.
    """

    devices: Sequence[BenchmarkDevice]
    handshake_each: bool = False
    repeated: bool = False
    max_files: int | None = None
    rate: int | None = None
    is_alone: bool = True


@dataclass(frozen=True)
class Round:
    """What one target did in one round; ``processor_ms`` of a file, by what used it."""

    rate: float
    processor_ms: dict[str, float]
    p99_ms: float | None = None

    @property
    def all_processor_ms(self) -> float:
        return sum(self.processor_ms.values())


class Corpora:
    """The files of each workload on disk, and how many of them each target has been sent."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        folder.mkdir()
        self.scale = scale
        self._folder = folder
        self._files: dict[tuple[str, str], tuple[Path, int]] = {}
        self._sent: dict[tuple[str, str], int] = {}

    def load(self, workload: Workload, kind: str) -> tuple[Path, int]:
        """Return the path of the corpus, written at the first call, and its number of files."""
        key = (workload.series, kind)
        if key not in self._files:
            path = self._folder / f"{workload.series}.{kind}"
            write = partial(influxdb_lines, workload.series) if kind == "lines" else csv_lines
            contents = generate_files(self.scale.files_of(workload), workload.samples, write)
            self._files[key] = path, write_corpus(path, contents)
        return self._files[key]

    def count_sent(self, workload: Workload, target: Target) -> int:
        return self._sent.get((workload.series, target.url), 0)

    def add_sent(self, workload: Workload, target: Target, count: int) -> None:
        key = (workload.series, target.url)
        self._sent[key] = self._sent.get(key, 0) + count

    def drop(self, workload: Workload) -> None:
        for key in [key for key in self._files if key[0] == workload.series]:
            with suppress(FileNotFoundError):
                self._files.pop(key)[0].unlink()


def compare(
    targets: Sequence[Target],
    workload: Workload,
    corpora: Corpora,
    load: Load,
    *,
    other_loads: Mapping[str, Load],
    report_fault: Callable[[str], None],
) -> dict[str, list[Round]]:
    """Send ``workload`` to each target, ``scale.rounds`` times, then drop its files.

    Each round has another order, so that no target always follows the same one. Targets named in
    ``other_loads`` get that load instead. Return the rounds of each target, none if one failed.
    """
    rounds: dict[str, list[Round]] = {target.name: [] for target in targets}
    failed = set()
    for _ in range(corpora.scale.rounds):
        for target in random.sample(targets, len(targets)):
            if target.name in failed:
                continue
            try:
                found = send(target, workload, corpora, other_loads.get(target.name, load))
                rounds[target.name].append(found)
            except CannotMeasure as reason:
                failed.add(target.name)
                report_fault(f"{target.name}, {workload.samples:,} samples: {reason}")
    corpora.drop(workload)
    return {name: [] if name in failed else found for name, found in rounds.items()}


def send(target: Target, workload: Workload, corpora: Corpora, load: Load) -> Round:
    """Send files once and verify that the acknowledged ones are stored, or raise CannotMeasure."""
    if workload is not WARM_UP and corpora.count_sent(WARM_UP, target) == 0:
        send(target, WARM_UP, corpora, Load(load.devices))
    before = target.count_stored()
    job = _prepare_job(target, workload, corpora, load)
    if corpora.scale.settles and load.is_alone:
        machine.settle()
    stopwatch = target.stopwatch()
    result = load_tool.run(job)
    elapsed_ms = stopwatch.elapsed_ms()
    if not load.repeated:
        corpora.add_sent(workload, target, result.sent)
    if result.acknowledged == 0 or result.errors or result.acknowledged != result.sent:
        raise CannotMeasure(
            f"{result.sent} sent, {result.acknowledged} acknowledged, {result.errors} lost, "
            f"answers {result.statuses}"
        )
    per_file = {"samples": workload.samples, "files": 1, "nothing": 0}[target.counts]
    _verify(target, before, 0 if load.repeated else result.acknowledged * per_file)
    processor_ms = {name: ms / result.sent for name, ms in elapsed_ms.items()}
    return Round(result.rate, processor_ms, result.p99_ms)


def _prepare_job(target: Target, workload: Workload, corpora: Corpora, load: Load) -> UploadJob:
    upload_format = target.upload_format(workload.series)
    path, available = corpora.load(workload, upload_format.corpus)
    sent = corpora.count_sent(workload, target)
    if load.repeated:
        start, limit = 0, sent
    elif target.counts == "samples":
        # A round leaves the next rounds their share of fresh files.
        start, limit = sent, min(available // corpora.scale.rounds, available - sent)
    else:
        start, limit = 0, UNLIMITED_FILES  # the target does not notice a repeated file
    limit = min(limit, load.max_files or limit)
    if limit < len(load.devices):
        raise CannotMeasure(f"too few fresh files are left: {sent} of {available} were sent")
    return UploadJob(
        url=target.url,
        devices=[device.for_load_tool() for device in load.devices],
        corpus=str(path),
        start=start,
        limit=limit,
        head=upload_format.head,
        tail=upload_format.tail,
        content_type=upload_format.content_type,
        handshake_each=load.handshake_each,
        seconds=corpora.scale.seconds,
        rate=load.rate,
        warm_up_seconds=0.0 if load.max_files else corpora.scale.warm_up_seconds,
    )


def _verify(target: Target, before: int, expected: int) -> None:
    deadline = time.monotonic() + VISIBILITY_TIMEOUT_SECONDS
    while (stored := target.count_stored() - before) != expected:
        if time.monotonic() > deadline:
            raise CannotMeasure(
                f"acknowledged {expected:,} {target.counts}, stored {stored:,}: not believed"
            )
        time.sleep(0.2)
