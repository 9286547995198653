"""``python -m tests.fault_injection``: see the package. Exit status 1 when something was found."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.fault_injection import process_faults, report, resource_faults
from tests.fault_injection.negative_controls import CONTROLS
from tests.fault_injection.run import Plan, run

FAULTS = (*process_faults.FAULTS, *resource_faults.FAULTS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fault_injection", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long devices send")
    parser.add_argument("--seed", type=int, help="repeats a run's choices, not its moments")
    parser.add_argument("--every", type=float, default=4, help="mean seconds between faults")
    parser.add_argument("--devices", type=int, default=8, help="even: two an identity")
    parser.add_argument(
        "--patience", type=float, default=0.1, help="how much of each asked wait is waited"
    )
    parser.add_argument("--only", default="", help="faults whose names contain this")
    parser.add_argument("--control", choices=sorted(CONTROLS), help="a build that must be caught")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--log", action="store_true", help="print each fault, at the end")
    return parser.parse_args()


def main() -> int:
    """Run the checker once."""
    asked = _arguments()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10_000)
    control = CONTROLS.get(asked.control)

    def show(line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)  # noqa: T201

    plan = Plan(
        seconds=asked.seconds,
        seed=seed,
        faults=[
            fault for fault in (control.faults if control else FAULTS) if asked.only in fault.name
        ],
        every=asked.every,
        devices=asked.devices,
        patience=asked.patience,
        environment=control.environment if control else None,
        prepare=control.prepare if control else None,
        show=show,
    )
    injected, judged, seconds = run(plan)
    if asked.log:
        show("\n".join(["", *injected.lines]))
    write = report.document if asked.json else report.table
    print(write(injected, judged, seconds, seed))  # noqa: T201 - its output
    return 1 if judged.findings else 0


if __name__ == "__main__":
    sys.exit(main())
