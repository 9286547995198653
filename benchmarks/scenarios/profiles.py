"""Flame graphs of the product's workers, written beside the results."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from benchmarks.comparison import Load, send
from benchmarks.flame_graph import draw, read_stacks
from benchmarks.run import Run, print_line
from benchmarks.scenarios.reading import YEAR_SERIES, fill_year, get, year_range
from benchmarks.targets import DEVICE_SERVICE, STAFF_SERVICE, Product
from benchmarks.workloads import Workload
from benchmarks.workspace import CannotMeasure

SAMPLES_PER_SECOND = 500
PROFILER = "py-spy"
STOP_SECONDS = 30.0
_UPLOADS = {
    "small-upload": ("An upload of 7 samples", Workload("profile-7", 7, 60_000)),
    "medium-upload": ("An upload of 1,000 samples", Workload("profile-1000", 1_000, 9_000)),
    "large-upload": ("An upload of 1,000,000 samples", Workload("profile-large", 1_000_000, 24)),
}
_YEAR_REQUESTS = 200


def flames(run: Run) -> None:
    """Draw where the workers' time goes for three sizes of upload and a year's statistics."""
    if shutil.which(PROFILER) is None:
        raise CannotMeasure(f"flame graphs need {PROFILER} (PyPI) on the PATH")
    for name, (title, workload) in _UPLOADS.items():
        load = Load(run.devices[: 2 if workload.samples >= 1_000_000 else 8])
        upload = partial(send, run.product, workload, run.corpora, load)
        _draw_graph(run, run.product.masters(DEVICE_SERVICE), name, title, upload)
        run.corpora.drop(workload)
    product = fill_year(run)
    request = partial(_request_statistics, run, product)
    title = "The summary statistics of a year at 1 Hz"
    _draw_graph(run, product.masters(STAFF_SERVICE), "year-statistics", title, request)


def _request_statistics(run: Run, product: Product) -> None:
    first, last = year_range(run)
    query = urlencode({"from": first, "to": last})
    for _ in range(_YEAR_REQUESTS):
        b"".join(get(run, product, YEAR_SERIES, f"summary?{query}"))


def _draw_graph(
    run: Run, masters: list[int], name: str, title: str, load: Callable[[], object]
) -> None:
    """Sample the stacks of a service's workers while ``load`` runs, and write the flame graph."""
    load()  # warms up
    stacks = run.workspace.root / f"{name}.stacks"
    command = [PROFILER, "record", "--nonblocking", "--subprocesses", "--format", "raw"]
    command += [
        "--pid",
        str(masters[0]),
        "--rate",
        str(SAMPLES_PER_SECOND),
        "--output",
        str(stacks),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as profiler:
        try:
            load()
            profiler.send_signal(signal.SIGINT)  # it writes the stacks and ends
            said = profiler.communicate(timeout=STOP_SECONDS)[0]
        except subprocess.TimeoutExpired as error:
            raise CannotMeasure(f"{PROFILER} does not end") from error
        finally:
            profiler.kill()  # without effect once it has ended
    root = read_stacks(stacks.read_text().splitlines() if stacks.exists() else [])
    if root.samples == 0:
        raise CannotMeasure(f"{PROFILER} has sampled nothing: {said.decode().strip()[-200:]}")
    graph = run.workspace.results.parent / f"{name}.svg"
    graph.write_text(draw(root, f"{title}: processor time of the workers"))
    print_line(f"  written: {graph}")
