"""Measure: ``python -m benchmarks``, which is ``make bench``.

``QUICK=1`` keeps everything tiny, to see that it works; ``ONLY=small,large`` names the rows.
Prints one table and writes ``VAR_DIR/bench.json``. Exit status 1 when something that should
have been measured was not, whatever the figures are.
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

PLACE = workspace.prepare()
django.setup()
# This process registers devices; the programs that it starts log as they always do.
logging.getLogger().setLevel(logging.WARNING)

# Models come from the settings, and these from the environment that has just been made.
from benchmarks import load_tool, machine, report  # noqa: E402
from benchmarks.cluster import Cluster  # noqa: E402
from benchmarks.devices import new_devices_with_keys, register_devices  # noqa: E402
from benchmarks.processes import CannotMeasure  # noqa: E402
from benchmarks.run import Session  # noqa: E402
from benchmarks.scenarios import (  # noqa: E402
    memory,
    reading,
    storage,
    uploads,
)
from benchmarks.workloads import FULL, QUICK, Scale  # noqa: E402
from device_endpoint.env import read_bool, read_text  # noqa: E402
from device_endpoint.supervisor.errors import CannotStartError  # noqa: E402

# In this order: the first needs a copy of the product that is still empty.
ROWS: dict[str, Callable[[Session], None]] = {
    "full": storage.full_store,
    "small": uploads.small,
    "handshake": uploads.handshake,
    "devices": uploads.devices,
    "repeats": uploads.repeats,
    "registrations": uploads.registrations,
    "medium": uploads.medium,
    "day": uploads.day,
    "large": uploads.large,
    "memory": memory.memory,
    "size": storage.sizes,
    "chart": reading.chart,
    "hour": reading.hour,
    "export": reading.export,
}


def main() -> int:
    """Run what was asked for and return the exit status."""
    signal.signal(signal.SIGTERM, _end)
    with ExitStack() as ending:
        ending.callback(workspace.remove, PLACE)
        workspace.make(PLACE)
        try:
            names = wanted_rows(read_text("ONLY"))
            return _measure(names, QUICK if read_bool("QUICK", False) else FULL, ending)
        except (CannotMeasure, CannotStartError) as reason:
            sys.stderr.write(f"bench: {reason}\n")
            return 1
        except KeyboardInterrupt:
            sys.stderr.write("bench: ended before its time\n")
            return 130


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def wanted_rows(only: str) -> list[str]:
    """Return the groups of rows that ``only`` names, all if it names none, in our order."""
    asked = only.replace(",", " ").split()
    if unknown := sorted(set(asked) - set(ROWS)):
        raise CannotMeasure(f"ONLY: no rows {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return [name for name in ROWS if not asked or name in asked]


def _measure(names: list[str], scale: Scale, ending: ExitStack) -> int:
    load_tool.install()
    busy = machine.busy_percent()
    began, stolen_before = time.monotonic(), machine.stolen_ticks()
    _say("starting PostgreSQL ...")
    cluster = Cluster(PLACE)
    ending.callback(cluster.stop)
    cluster.start()
    session = _session(cluster, names, scale)
    ending.callback(session.end)
    facts = machine.describe(cluster, busy)
    for note in machine.noise(busy):
        session.note(note)
    for name in names:
        _add_rows(session, name)
    facts["seconds"] = round(time.monotonic() - began)
    facts["stolen_percent"] = stolen = machine.stolen_percent(stolen_before)
    for note in machine.theft(stolen):
        session.note(note)
    facts["quick"] = scale is QUICK
    PLACE.results.write_text(
        report.document(facts, session.rows, session.durability, session.notes)
    )
    _print(session, facts)
    return 1 if session.is_faulty else 0


def _session(cluster: Cluster, names: list[str], scale: Scale) -> Session:
    rounds = range(scale.rounds if "registrations" in names else 0)
    return Session(
        place=PLACE,
        cluster=cluster,
        scale=scale,
        devices=register_devices(),
        newcomers=[new_devices_with_keys(scale.newcomers, f"new-{number}") for number in rounds],
        say=_say,
    )


def _add_rows(session: Session, name: str) -> None:
    began = time.monotonic()
    try:
        ROWS[name](session)
    except (CannotMeasure, CannotStartError) as reason:
        session.fault(f"{name}: {reason}")
    _say(f"{name}: {time.monotonic() - began:.0f} s")


def _print(session: Session, facts: dict[str, object]) -> None:
    _say("\n" + report.table(session.rows))
    judged = [each.holds for each in session.rows if each.holds is not None]
    _say(f"\n{sum(judged)} of {len(judged)} goals hold")
    _say("an acknowledgement is worth:")
    for name, durability in session.durability.items():
        _say(f"  {name}: {durability}")
    for note in session.notes:
        _say(f"note: {note}")
    _say("machine: " + ", ".join(f"{name} {value}" for name, value in facts.items()))
    _say(f"written: {PLACE.results}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
