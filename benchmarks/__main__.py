"""Run the benchmarks: ``python -m benchmarks``, which is ``make bench``.

``QUICK=1`` runs tiny workloads, as a check of the benchmarks; ``ONLY=small,large`` names scenarios.
The run prints one table and writes ``VAR_DIR/bench.json``. Its exit status is 1 if a measurement
is missing, whatever the figures are.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType

import django

from benchmarks import workspace

WORKSPACE = workspace.prepare()
django.setup()
# This process registers devices; only the log of the programs that it starts is of interest.
logging.getLogger().setLevel(logging.WARNING)

# Models need the settings, and these the environment that has just been prepared.
from benchmarks import load_tool, machine, report  # noqa: E402
from benchmarks.cluster import Cluster  # noqa: E402
from benchmarks.devices import make_unregistered_devices, register_devices  # noqa: E402
from benchmarks.run import Run, print_line  # noqa: E402
from benchmarks.scenarios import (  # noqa: E402
    memory,
    profiles,
    reading,
    storage,
    together,
    uploads,
    worst_inputs,
)
from benchmarks.workloads import FULL, QUICK, Scale  # noqa: E402
from benchmarks.workspace import CannotMeasure  # noqa: E402
from device_endpoint.env import read_bool, read_text  # noqa: E402
from device_endpoint.supervisor.process import CannotStartError  # noqa: E402

# In this order: the first needs a copy of the product that is still empty, the second one without
# much to compact.
SCENARIOS: dict[str, Callable[[Run], None]] = {
    "full": storage.full_store,
    "compaction": together.compaction,
    "small": uploads.small,
    "handshake": uploads.handshake,
    "devices": uploads.devices,
    "repeats": uploads.repeats,
    "registrations": uploads.registrations,
    "medium": uploads.medium,
    "day": uploads.day,
    "large": uploads.large,
    "memory": memory.memory,
    "worst": worst_inputs.worst,
    "size": storage.sizes,
    "chart": reading.chart,
    "statistics": reading.statistics,
    "hour": reading.hour,
    "apart": memory.two_lines,
    "export": reading.export,
    "analysts": together.analysts,
    "flames": profiles.flames,
}
ON_DEMAND = {"flames"}  # these measure nothing: they run where ONLY names them


def main() -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as stack:
        stack.callback(WORKSPACE.remove)
        WORKSPACE.create()
        try:
            names = choose_scenarios(read_text("ONLY"))
            return _measure(names, QUICK if read_bool("QUICK", False) else FULL, stack)
        except (CannotMeasure, CannotStartError) as reason:
            sys.stderr.write(f"bench: {reason}\n")
            return 1
        except KeyboardInterrupt:
            sys.stderr.write("bench: interrupted\n")
            return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def choose_scenarios(only: str) -> list[str]:
    """Return the scenarios that ``only`` names, all that measure if it is empty, in order."""
    wanted = only.replace(",", " ").split()
    if unknown := sorted(set(wanted) - set(SCENARIOS)):
        choices = ", ".join(SCENARIOS)
        raise CannotMeasure(f"ONLY: no rows {', '.join(unknown)}; there are {choices}")
    return [name for name in SCENARIOS if name in (wanted or SCENARIOS.keys() - ON_DEMAND)]


def _measure(names: list[str], scale: Scale, stack: ExitStack) -> int:
    load_tool.install()
    busy = machine.busy_percent()
    started, stolen_before = time.monotonic(), machine.stolen_ticks()
    print_line("starting PostgreSQL ...")
    cluster = Cluster(WORKSPACE)
    stack.callback(cluster.stop)
    cluster.start()
    rounds = range(scale.rounds if "registrations" in names else 0)
    new_devices = [
        make_unregistered_devices(scale.new_devices, f"new-{number}") for number in rounds
    ]
    run = Run(cluster, scale, register_devices(), new_devices)
    stack.callback(run.stop)
    facts = machine.describe(cluster, busy)
    if busy > machine.MAX_BUSY_PERCENT:
        run.note(f"the machine was {busy} % busy before the run: do not quote these figures")
    for name in names:
        _run_scenario(run, name)
    stolen = machine.stolen_percent(stolen_before)
    if stolen > machine.MAX_STOLEN_PERCENT:
        run.note(f"other guests of the host took {stolen} % of the processors' time")
    facts |= {
        "seconds": round(time.monotonic() - started),
        "stolen_percent": stolen,
        "quick": scale is QUICK,
    }
    WORKSPACE.results.write_text(report.document(facts, run.rows, run.durability, run.notes))
    _print_results(run, facts)
    return 1 if run.is_faulty else 0


def _run_scenario(run: Run, name: str) -> None:
    started = time.monotonic()
    try:
        SCENARIOS[name](run)
    except (CannotMeasure, CannotStartError) as reason:
        run.fault(f"{name}: {reason}")
    print_line(f"{name}: {time.monotonic() - started:.0f} s")


def _print_results(run: Run, facts: dict[str, object]) -> None:
    print_line("\n" + report.table(run.rows))
    verdicts = [row.holds for row in run.rows if row.holds is not None]
    print_line(f"\n{sum(verdicts)} of {len(verdicts)} goals hold")
    print_line("an acknowledgement guarantees:")
    for name, durability in run.durability.items():
        print_line(f"  {name}: {durability}")
    for note in run.notes:
        print_line(f"note: {note}")
    print_line("machine: " + ", ".join(f"{name} {value}" for name, value in facts.items()))
    print_line(f"written: {WORKSPACE.results}")


if __name__ == "__main__":
    sys.exit(main())
