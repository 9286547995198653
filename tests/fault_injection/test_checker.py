"""A short run of the fault checker, and proof that it sees what is wrong when something is."""

from __future__ import annotations

import pytest

from tests.fault_injection import (
    negative_controls,
    process_faults,
    report,
    resource_faults,
)
from tests.fault_injection.injector import Injected
from tests.fault_injection.run import Plan, run
from tests.fault_injection.verdict import Judgement

# It makes disks, moves clocks and needs a compiler for that: more than `make test` may ask for.
pytestmark = pytest.mark.debian


def _run(plan: Plan) -> tuple[Injected, Judgement]:
    injected, judged, seconds = run(plan)
    print(report.table(injected, judged, seconds, plan.seed), *injected.lines, sep="\n")  # noqa: T201 - shown where the test fails
    return injected, judged


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled_under_faults() -> None:
    injected, judged = _run(
        Plan(
            seconds=15,
            seed=7,
            every=1,
            devices=4,
            faults=(*process_faults.FAULTS, *resource_faults.FAULTS),
            show=lambda line: None,
        )
    )
    assert judged.findings == []
    assert judged.acknowledged > 0
    assert injected.counts.total() > 0


@pytest.mark.parametrize(
    ("name", "symptom"),
    [("late-flush", "lost"), ("early-answer", "lost"), ("no-lock", "doubled")],
)
def test_what_would_lose_or_double_data_is_reported(name: str, symptom: str) -> None:
    control = negative_controls.CONTROLS[name]
    _, judged = _run(
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
    assert getattr(judged, symptom) > 0
