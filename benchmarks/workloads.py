"""The measurement files of a run: heart rates at 1 Hz, in files of different lengths.

The values are a random walk with the steps of a wrist band's recording (tests/data): chunks of
the recording in random order, each continuing from the last value. No chunk of values is a copy
of another, which would compress better than real data.
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

_RECORDINGS = Path(__file__).parent.parent / "tests" / "data"
RECORDING = _RECORDINGS / "hr_measurement_2019_06_11"
ACCELERATION = _RECORDINGS / "acc_measurement_2019_06_11"  # 32 Hz
ACCELERATION_STEP_US = 31_250
# 2005-01-01T00:00Z: leaves twenty years for samples that were never sent before.
FIRST_MS = 1_104_537_600_000
STEP_MS = 1000
# The bounds of the walk and its start, in hundredths of a beat per minute.
MIN_RATE, START_RATE, MAX_RATE = 4_500, 7_000, 18_000
WALK_LENGTH = 250_000
CHUNK_LENGTH = 50  # consecutive steps taken from the recording
MAX_BATCH_SAMPLES = 1_000_000


@dataclass(frozen=True)
class Workload:
    """``files`` files of ``samples`` lines each, fewer in a quick run.

    Each comparison has a series of its own, so that none of its files has been sent before.
    """

    series: str
    samples: int
    files: int
    min_files_per_round: int = 8  # one for each device


@dataclass(frozen=True)
class Scale:
    """The size of a run: seconds of each load, rounds of each comparison, sizes of stores."""

    seconds: float = 3.0
    warm_up_seconds: float = 0.4
    rounds: int = 3
    settles: bool = True  # wait for an idle machine before each load
    file_share: float = 1.0  # of each workload's files
    day_samples: int = 86_400
    large_samples: int = 1_000_000
    large_files: int = 4  # in each round, for each of two devices
    new_devices: int = 200  # registered in each round
    storing_rounds: int = 10
    files_of_7_stored: int = 20_000
    files_of_3600_stored: int = 600
    acceleration_stored: int = 2_304_000  # twenty hours
    files_compacted: int = 12_000  # of 7 samples, in each round
    minutes_compacted: int = 7_200  # files of 60 samples
    lines_at_limits: int = 4_000_000
    hours_at_limits: int = 30_000
    files_at_limits: int = 100
    full_hours: int = 5_500  # of 3,600 samples: as many as a request is compared with
    samples_stored: int = 100_000_000
    days_charted: int = 365
    samples_exported: int = 10_000_000
    repeats: int = 9  # of each timed request

    def files_of(self, workload: Workload) -> int:
        return max(
            self.rounds * workload.min_files_per_round, int(workload.files * self.file_share)
        )


FULL = Scale()
QUICK = Scale(
    seconds=0.3,
    warm_up_seconds=0.1,
    rounds=1,
    settles=False,
    file_share=0.05,
    day_samples=8_640,
    large_samples=100_000,
    large_files=1,
    new_devices=10,
    storing_rounds=1,
    files_of_7_stored=400,
    files_of_3600_stored=20,
    acceleration_stored=230_400,
    files_compacted=2_000,
    minutes_compacted=240,
    lines_at_limits=400_000,
    hours_at_limits=1_000,
    files_at_limits=10,
    full_hours=48,
    samples_stored=1_000_000,
    days_charted=10,
    samples_exported=200_000,
    repeats=3,
)


@cache
def heart_rates(count: int, seed: int = 1) -> npt.NDArray[np.float64]:
    """Return ``count`` heart rates in beats per minute, with the band's two decimals."""
    steps = _recorded_steps(RECORDING.read_text())
    generator = random.Random(seed)  # noqa: S311 - not a secret
    chunks: list[npt.NDArray[np.int64]] = []
    current = START_RATE
    for _ in range(0, count, CHUNK_LENGTH):
        begin = generator.randrange(len(steps) - CHUNK_LENGTH)
        chunk = np.cumsum(steps[begin : begin + CHUNK_LENGTH])
        if not MIN_RATE <= current + chunk[-1] <= MAX_RATE:
            chunk = -chunk
        chunks.append(current + chunk)
        current = int(chunks[-1][-1])
    return np.concatenate(chunks)[:count] / 100


def _recorded_steps(recording: str) -> npt.NDArray[np.int64]:
    values = [float(line.split(",")[1]) for line in recording.splitlines()]
    return np.diff(np.round(np.array(values) * 100)).astype(np.int64)


def samples(first: int, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return times (epoch milliseconds) and values of ``count`` samples from number ``first``."""
    rates = heart_rates(WALK_LENGTH)
    begin = FIRST_MS + first * STEP_MS
    times = np.arange(begin, begin + count * STEP_MS, STEP_MS, dtype=np.int64)
    numbers = np.arange(first, first + count, dtype=np.int64)
    # Each pass through the walk starts elsewhere, so that no two files have the same values.
    return times, rates[(numbers + numbers // WALK_LENGTH * 7919) % WALK_LENGTH]


def csv_lines(first: int, count: int) -> bytes:
    """Return ``count`` lines ``milliseconds,value``."""
    times, values = samples(first, count)
    return _to_text(pa.table({"time": times, "value": values}))


def acceleration_lines(first: int, count: int) -> bytes:
    """Return ``count`` lines of one axis of the band's accelerometer, over and over."""
    lines = ACCELERATION.read_text().splitlines()[1:]
    axis = np.array([float(line.split(",")[1]) for line in lines])
    numbers = np.arange(first, first + count, dtype=np.int64)
    times_us = FIRST_MS * 1000 + numbers * ACCELERATION_STEP_US
    whole, fraction = (pc.cast(pa.array(part), pa.string()) for part in np.divmod(times_us, 1000))
    times = pc.binary_join_element_wise(whole, pc.utf8_lpad(fraction, 3, "0"), ".")
    return _to_text(pa.table({"time": times, "value": axis[numbers % len(axis)]}))


def influxdb_lines(series: str, first: int, count: int) -> bytes:
    """Return the same samples in InfluxDB's line protocol with precision ``ms``."""
    times, values = (pc.cast(pa.array(column), pa.string()) for column in samples(first, count))
    joined = pc.binary_join_element_wise(f"{series} value=", values, " ", times, "")
    return _to_text(pa.table({"line": joined}))


def _to_text(columns: pa.Table) -> bytes:
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(columns, sink, options)
    text: bytes = sink.getvalue().to_pybytes()
    return text


def generate_files(
    count: int, length: int, write: Callable[[int, int], bytes], first: int = 0
) -> Iterator[bytes]:
    """Yield ``count`` consecutive files of ``length`` samples.

    ``write`` takes the number of the first sample and a count, as ``csv_lines`` does.
    """
    batch_size = max(1, MAX_BATCH_SAMPLES // length)
    for start in range(0, count, batch_size):
        batch = min(batch_size, count - start)
        yield from _split(write(first + start * length, batch * length), length)


def _split(text: bytes, lines: int) -> Iterator[bytes]:
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))[lines - 1 :: lines] + 1
    start = 0
    for end in ends.tolist():
        yield text[start:end]
        start = end


def write_corpus(path: Path, contents: Iterable[bytes]) -> int:
    """Write files for the load tool, each after its length as a big-endian uint32."""
    count = 0
    with path.open("wb") as out:
        for content in contents:
            out.write(struct.pack("!I", len(content)))
            out.write(content)
            count += 1
    return count
