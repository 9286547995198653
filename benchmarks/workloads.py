"""What devices send in a run: heart rates, one a second, in files of different lengths. Pure.

The values walk as those of a real wrist band do: the steps are stretches of a recording
(tests/data) in random order, each begun where the one before ended, so that no stretch of values
is a copy of another, which a compressor would notice.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

RECORDING = Path(__file__).parent.parent / "tests" / "data" / "hr_measurement_2019_06_11"
# 2005-01-01T00:00Z: room for twenty years of samples of which each is fresh.
FIRST_MS = 1_104_537_600_000
STEP_MS = 1000
# Hundredths of a beat per minute, between which the walk is kept, and where it begins.
LOWEST, RESTING, HIGHEST = 4_500, 7_000, 18_000
WALK = 250_000
STRETCH = 50  # steps that are taken from the recording as they are


@dataclass(frozen=True)
class Workload:
    """Files of ``samples`` lines each; ``files`` of them are made in a full run.

    Each comparison has a series of its own, so that every file in it is fresh.
    """

    series: str
    samples: int
    files: int
    least: int = 8  # for each round: one for each device


@dataclass(frozen=True)
class Scale:
    """How much is measured: seconds of each run, rounds of each comparison, sizes of stores."""

    seconds: float
    warm_up_seconds: float
    rounds: int
    settles: bool  # the machine, before each run
    share: float  # of the files of a workload
    day_samples: int
    large_samples: int
    large_files: int  # of that many samples in each run, for each of two devices
    newcomers: int  # certificates registered in each round
    rounds_of_storing: int
    files_of_7_stored: int
    files_of_3600_stored: int
    lines_at_limits: int
    samples_stored: int
    days_charted: int
    samples_exported: int
    repeats: int  # of a request whose time is taken

    def files_of(self, workload: Workload) -> int:
        """Return how many files of a workload are made."""
        return max(self.rounds * workload.least, int(workload.files * self.share))


FULL = Scale(
    seconds=3.0,
    warm_up_seconds=0.4,
    rounds=3,
    settles=True,
    share=1.0,
    day_samples=86_400,
    large_samples=1_000_000,
    large_files=4,
    newcomers=200,
    rounds_of_storing=10,
    files_of_7_stored=20_000,
    files_of_3600_stored=600,
    lines_at_limits=4_000_000,
    samples_stored=100_000_000,
    days_charted=365,
    samples_exported=10_000_000,
    repeats=9,
)
QUICK = Scale(
    seconds=0.3,
    warm_up_seconds=0.1,
    rounds=1,
    settles=False,
    share=0.05,
    day_samples=8_640,
    large_samples=100_000,
    large_files=1,
    newcomers=10,
    rounds_of_storing=1,
    files_of_7_stored=400,
    files_of_3600_stored=20,
    lines_at_limits=400_000,
    samples_stored=1_000_000,
    days_charted=10,
    samples_exported=200_000,
    repeats=3,
)


@cache
def heart_rates(count: int, seed: int = 1) -> npt.NDArray[np.float64]:
    """Return ``count`` heart rates in beats per minute, with the band's two decimals."""
    steps = _recorded_steps(RECORDING.read_text())
    chance = random.Random(seed)  # noqa: S311 - not a secret
    walked: list[npt.NDArray[np.int64]] = []
    current = RESTING
    for _ in range(0, count, STRETCH):
        begin = chance.randrange(len(steps) - STRETCH)
        way = np.cumsum(steps[begin : begin + STRETCH])
        if not LOWEST <= current + way[-1] <= HIGHEST:
            way = -way
        walked.append(current + way)
        current = int(walked[-1][-1])
    return np.concatenate(walked)[:count] / 100


def _recorded_steps(recording: str) -> npt.NDArray[np.int64]:
    values = [float(line.split(",")[1]) for line in recording.splitlines()]
    return np.diff(np.round(np.array(values) * 100)).astype(np.int64)


def samples(first: int, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return times (epoch milliseconds) and values of ``count`` samples from the ``first`` on."""
    rates = heart_rates(WALK)
    begin = FIRST_MS + first * STEP_MS
    times = np.arange(begin, begin + count * STEP_MS, STEP_MS, dtype=np.int64)
    numbers = np.arange(first, first + count, dtype=np.int64)
    # Another beginning each time round, so that no two files are alike.
    return times, rates[(numbers + numbers // WALK * 7919) % WALK]


def csv(first: int, count: int) -> bytes:
    """Return ``count`` lines ``milliseconds,value``."""
    times, values = samples(first, count)
    return _text(pa.table({"time": times, "value": values}))


def lines(series: str, first: int, count: int) -> bytes:
    """Return the same samples in InfluxDB's line protocol (precision ``ms``)."""
    times, values = (pc.cast(pa.array(column), pa.string()) for column in samples(first, count))
    found = pc.binary_join_element_wise(f"{series} value=", values, " ", times, "")
    return _text(pa.table({"line": found}))


def _text(columns: pa.Table) -> bytes:
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(columns, sink, options)
    text: bytes = sink.getvalue().to_pybytes()
    return text


def files(
    count: int, length: int, write: Callable[[int, int], bytes], first: int = 0
) -> Iterator[bytes]:
    """Yield ``count`` files of ``length`` samples that follow on each other.

    ``write`` is given the number of a sample and a count, as ``csv`` is.
    """
    at_once = max(1, 1_000_000 // length)
    for begin in range(0, count, at_once):
        made = min(at_once, count - begin)
        yield from _split(write(first + begin * length, made * length), length)


def _split(text: bytes, lines: int) -> Iterator[bytes]:
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))[lines - 1 :: lines] + 1
    start = 0
    for end in ends.tolist():
        yield text[start:end]
        start = end


def write_corpus(path: Path, contents: Iterable[bytes]) -> int:
    """Write files as the load tool reads them, each after its length as a big-endian uint32."""
    count = 0
    with path.open("wb") as out:
        for content in contents:
            out.write(struct.pack("!I", len(content)))
            out.write(content)
            count += 1
    return count
