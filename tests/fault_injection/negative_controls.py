"""Builds and databases that lose or double data: the checker is worth what it says of these.

Nothing of the product is changed. A build is the product with ``sabotage/sitecustomize.py`` on
its path, which replaces one function in the device door's processes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fault_injection import process_faults
from tests.fault_injection.fault import Fault
from tests.fault_injection.harness import Rig


@dataclass(frozen=True)
class Control:
    """A way to lose data: what is different, and the faults that bring it to light."""

    faults: Sequence[Fault]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Rig], None] | None = None


def _named(*names: str) -> list[Fault]:
    return [fault for fault in process_faults.FAULTS if fault.name in names]


def _sabotaged(what: str) -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).with_name("sabotage")), "SABOTAGE": what}


def _flush_late(rig: Rig) -> None:
    with rig.connect() as session:
        session.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        session.execute("ALTER SYSTEM SET wal_writer_flush_after = '1GB'")
        session.execute("ALTER ROLE device_endpoint SET synchronous_commit = off")
        session.execute("SELECT pg_reload_conf()")
    # Sessions that are there already go on flushing, and would flush for all.
    for process in rig.parts().workers("device") + rig.parts().workers("staff"):
        process.send(signal.SIGKILL)
    rig.wait_until(rig.is_ready)


def _drop_safeguards(rig: Rig) -> None:
    clause = "ON CONFLICT (identity_id, name, sha256) DO NOTHING"
    moment = "IF NOT occupied THEN"
    function = "SELECT pg_get_functiondef('ingest_store_file'::regproc)"
    with rig.connect() as session:
        row = session.execute(function).fetchone()
        assert row is not None
        assert clause in str(row[0])
        assert moment in str(row[0])
        changed = str(row[0]).replace(clause, "")
        # Time for writers to meet, as a slow disk gives it.
        changed = changed.replace(moment, f"PERFORM pg_sleep(0.02); {moment}")
        session.execute(changed.encode())
        session.execute(
            "ALTER TABLE ingest_measurement DROP CONSTRAINT measurement_once_per_identity_and_name"
        )


CONTROLS = {
    "late-flush": Control(
        faults=_named("kill -9 the postmaster"),
        environment={"DURABILITY_CHECK": "warn"},
        prepare=_flush_late,
    ),
    "early-answer": Control(
        faults=_named("kill -9 a device worker", "kill -9 the postmaster"),
        environment=_sabotaged("early-answer"),
    ),
    "no-lock": Control(
        faults=(),
        environment=_sabotaged("no-lock"),
        prepare=_drop_safeguards,
    ),
}
