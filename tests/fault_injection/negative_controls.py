"""Installations that lose or double data on purpose, to prove that the verdict reports it.

The product's files are not changed: ``defects/sitecustomize.py`` on its path replaces one function
in its processes, or its database is altered.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fault_injection import process_faults
from tests.fault_injection.fault import Fault
from tests.fault_injection.harness import Harness


@dataclass(frozen=True)
class NegativeControl:
    """A way to lose or double data: how it is prepared, and the faults that reveal it."""

    faults: Sequence[Fault]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Harness], None] | None = None


def _select_faults(*names: str) -> list[Fault]:
    return [fault for fault in process_faults.FAULTS if fault.name in names]


def _with_defect(name: str) -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).with_name("defects")), "DEFECT": name}


def _delay_flushes(harness: Harness) -> None:
    with harness.connect() as session:
        session.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        session.execute("ALTER SYSTEM SET wal_writer_flush_after = '1GB'")
        session.execute("ALTER ROLE device_endpoint SET synchronous_commit = off")
        session.execute("SELECT pg_reload_conf()")
    # Existing sessions keep flushing, and their flushes cover the commits of all.
    for process in harness.processes().workers("device") + harness.processes().workers("staff"):
        process.send(signal.SIGKILL)
    harness.wait_until(harness.is_ready)


def _drop_constraint_and_lock(harness: Harness) -> None:
    clause = "ON CONFLICT (identity_id, name, sha256) DO NOTHING"
    pause_before = "IF NOT is_occupied THEN"
    function = "SELECT pg_get_functiondef('ingest_store_file'::regproc)"
    with harness.connect() as session:
        row = session.execute(function).fetchone()
        assert row is not None
        assert clause in str(row[0])
        assert pause_before in str(row[0])
        changed = str(row[0]).replace(clause, "")
        # Widens the race between writers, as a slow disk does.
        changed = changed.replace(pause_before, f"PERFORM pg_sleep(0.02); {pause_before}")
        session.execute(changed.encode())
        session.execute(
            "ALTER TABLE ingest_measurement DROP CONSTRAINT measurement_once_per_identity_and_name"
        )


NEGATIVE_CONTROLS = {
    "late-flush": NegativeControl(
        faults=_select_faults("kill -9 the postmaster"),
        environment={"DURABILITY_CHECK": "warn"},
        prepare=_delay_flushes,
    ),
    "early-answer": NegativeControl(
        faults=_select_faults("kill -9 a device worker", "kill -9 the postmaster"),
        environment=_with_defect("early-answer"),
    ),
    "no-lock": NegativeControl(
        faults=(),
        environment=_with_defect("no-lock"),
        prepare=_drop_constraint_and_lock,
    ),
}
