"""One run: start an installation, inject faults, let devices finish, compare."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from tests.fault_injection.database_state import read_state
from tests.fault_injection.fault import Fault
from tests.fault_injection.harness import Harness
from tests.fault_injection.injector import InjectionLog, inject
from tests.fault_injection.ledger import read_events
from tests.fault_injection.verdict import Verdict, compare, read_transcript
from tests.support.citus import CitusNodes


@dataclass(frozen=True)
class Plan:
    """The options of a run; ``every`` is the mean pause between faults, in seconds.

    ``environment`` is added to that of `up`; ``prepare`` changes the running installation before
    devices send. With ``citus`` the database is a distributed one of that cluster.
    """

    seconds: float
    seed: int
    faults: Sequence[Fault]
    every: float = 4.0
    devices: int = 8
    wait_factor: float = 0.1
    environment: dict[str, str] | None = None
    prepare: Callable[[Harness], None] | None = None
    citus: CitusNodes | None = None
    show: Callable[[str], None] = print


def run(plan: Plan, folder: Path | None = None) -> tuple[InjectionLog, Verdict, float]:
    """Return the injected faults, the verdict, and the seconds for which devices sent."""
    # A short path, for the database's socket is in it.
    root = Path(tempfile.mkdtemp(prefix="faults-")) if folder is None else folder
    harness = Harness(
        root,
        devices=plan.devices,
        seed=plan.seed,
        wait_factor=plan.wait_factor,
        environment=plan.environment or {},
        citus=plan.citus,
    )
    try:
        return _run(plan, harness)
    finally:
        harness.remove()


def _run(plan: Plan, harness: Harness) -> tuple[InjectionLog, Verdict, float]:
    harness.start()
    if plan.prepare is not None:
        plan.prepare(harness)
    plan.show(f"{plan.devices} devices send for {plan.seconds:g} s ...")
    started = time.monotonic()
    harness.start_sending()
    log = inject(harness, plan.faults, seconds=plan.seconds, every=plan.every, seed=plan.seed)
    seconds = time.monotonic() - started
    plan.show("devices finish their requests ...")
    stuck = harness.finish_deliveries()
    transcript = read_transcript(read_events(harness.ledgers))
    with psycopg.connect(harness.database_conninfo(), row_factory=dict_row) as session:
        verdict = compare(transcript, read_state(session))
    verdict.findings += [f"never delivered: {name}" for name in stuck]
    verdict.findings += _verify(harness)
    verdict.findings += [f"still running: {command}" for command in harness.stop()]
    if verdict.findings:
        kept = Path(tempfile.mkdtemp(prefix="faults-logs-"))
        shutil.copytree(harness.stack.var_dir / "log", kept, dirs_exist_ok=True)
        shutil.copytree(harness.ledgers, kept / "ledgers")
        plan.show(f"logs and ledgers are kept in {kept}")
    return log, verdict, seconds


def _verify(harness: Harness) -> list[str]:
    """Return the findings of the product's own ``manage.py verify``."""
    verified = harness.stack.manage("verify")
    if verified.returncode == 0:
        return []
    lines = (verified.stdout + verified.stderr).strip().splitlines()
    return [f"verify: {line}" for line in lines[-10:]]
