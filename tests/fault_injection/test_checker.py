"""A short run of the fault injector, and proof that it reports lost and doubled data."""

from __future__ import annotations

import pytest

from tests.fault_injection import (
    negative_controls,
    process_faults,
    report,
    resource_faults,
)
from tests.fault_injection.injector import InjectionLog
from tests.fault_injection.run import Plan, run
from tests.fault_injection.verdict import Verdict

# Mounts file systems and needs a C compiler.
pytestmark = pytest.mark.debian


def _run(plan: Plan) -> tuple[InjectionLog, Verdict]:
    log, verdict, seconds = run(plan)
    print(report.render_table(log, verdict, seconds, plan.seed), *log.lines, sep="\n")  # noqa: T201 - shown where the test fails
    return log, verdict


def test_faults_neither_lose_nor_double_acknowledged_data() -> None:
    log, verdict = _run(
        Plan(
            seconds=15,
            seed=7,
            every=1,
            devices=4,
            faults=(*process_faults.FAULTS, *resource_faults.FAULTS),
            show=lambda line: None,
        )
    )
    assert verdict.findings == []
    assert verdict.acknowledged > 0
    assert log.counts.total() > 0


@pytest.mark.parametrize(
    ("name", "symptom"),
    [("late-flush", "lost"), ("early-answer", "lost"), ("no-lock", "doubled")],
)
def test_lost_and_doubled_data_is_reported(name: str, symptom: str) -> None:
    control = negative_controls.NEGATIVE_CONTROLS[name]
    _, verdict = _run(
        Plan(
            seconds=6,
            seed=7,
            every=3,
            devices=4,
            faults=control.faults,
            environment=control.environment,
            prepare=control.prepare,
            show=lambda line: None,
        )
    )
    assert getattr(verdict, symptom) > 0
