"""One run from start to end: an installation of its own, faults, quiet, judgement."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from tests.fault_injection import database_state, ledger, verdict
from tests.fault_injection.fault import Fault
from tests.fault_injection.harness import Rig
from tests.fault_injection.injector import Injected, inject
from tests.fault_injection.verdict import Judgement


@dataclass(frozen=True)
class Plan:
    """What a run does. ``every`` is the mean pause between faults, in seconds.

    ``environment`` is added to that of `up`; ``prepare`` acts on the running installation
    before devices send.
    """

    seconds: float
    seed: int
    faults: Sequence[Fault]
    every: float = 4.0
    devices: int = 8
    patience: float = 0.1
    environment: dict[str, str] | None = None
    prepare: Callable[[Rig], None] | None = None
    show: Callable[[str], None] = print


def run(plan: Plan, folder: Path | None = None) -> tuple[Injected, Judgement, float]:
    """Return what was broken, what is to be said of it, and how many seconds devices sent."""
    # Short: the database's socket lies in it.
    place = Path(tempfile.mkdtemp(prefix="faults-")) if folder is None else folder
    rig = Rig(
        place,
        devices=plan.devices,
        seed=plan.seed,
        patience=plan.patience,
        environment=plan.environment or {},
    )
    try:
        return _run(plan, rig)
    finally:
        rig.remove()


def _run(plan: Plan, rig: Rig) -> tuple[Injected, Judgement, float]:
    rig.start()
    if plan.prepare is not None:
        plan.prepare(rig)
    plan.show(f"{plan.devices} devices send for {plan.seconds:g} s ...")
    started = time.monotonic()
    rig.send()
    injected = inject(rig, plan.faults, seconds=plan.seconds, every=plan.every, seed=plan.seed)
    seconds = time.monotonic() - started
    plan.show("quiet: what was begun is delivered ...")
    stuck = rig.quiesce()
    told = verdict.listen(ledger.read(rig.ledgers))
    with psycopg.connect(rig.database_address(), row_factory=dict_row) as session:
        judged = verdict.judge(told, database_state.read(session))
    judged.findings += [f"not delivered in the end: {name}" for name in stuck]
    judged.findings += _verify(rig)
    judged.findings += [f"still running: {command}" for command in rig.stop()]
    if judged.findings:
        kept = Path(tempfile.mkdtemp(prefix="faults-logs-"))
        shutil.copytree(rig.stack.var_dir / "log", kept, dirs_exist_ok=True)
        shutil.copytree(rig.ledgers, kept / "ledgers")
        plan.show(f"logs and ledgers are kept in {kept}")
    return injected, judged, seconds


def _verify(rig: Rig) -> list[str]:
    """Return what the product itself has to say against its data."""
    verified = rig.manage("verify")
    if verified.returncode == 0:
        return []
    said = (verified.stdout + verified.stderr).strip().splitlines()
    return [f"verify: {line}" for line in said[-10:]]
