"""Run the fault injector: ``python -m tests.fault_injection``. Exit status 1 on findings."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.fault_injection import citus_faults, process_faults, report, resource_faults
from tests.fault_injection.negative_controls import NEGATIVE_CONTROLS
from tests.fault_injection.run import Plan, run
from tests.support.citus import CitusNodes

# On a cluster those of the nodes, and those of the program that need no PostgreSQL of its own.
CITUS_FAULTS = (
    *citus_faults.FAULTS,
    *(x for x in process_faults.FAULTS if x.name in ("kill -9 a device worker", "reload")),
)
FAULTS = (*process_faults.FAULTS, *resource_faults.FAULTS)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fault_injection", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long devices send")
    parser.add_argument("--seed", type=int, help="repeats the random choices, not their timing")
    parser.add_argument("--every", type=float, default=4, help="mean seconds between faults")
    parser.add_argument(
        "--devices", type=int, default=8, help="an even number: two for each identity"
    )
    parser.add_argument(
        "--wait-factor", "--patience", type=float, default=0.1, help="scales every wait of a device"
    )
    parser.add_argument("--only", default="", help="inject faults whose names contain this text")
    parser.add_argument(
        "--control", choices=sorted(NEGATIVE_CONTROLS), help="run a negative control"
    )
    parser.add_argument(
        "--citus",
        type=CitusNodes,
        metavar="postgres://USER@COORDINATOR:PORT,WORKER:PORT,…",
        help="inject faults into the nodes of this cluster, which run on this machine",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--log", action="store_true", help="print each fault, at the end")
    return parser.parse_args()


def main() -> int:
    options = _parse_options()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10_000)
    control = NEGATIVE_CONTROLS.get(options.control)

    def show(line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)  # noqa: T201

    plan = Plan(
        seconds=options.seconds,
        seed=seed,
        faults=[
            fault
            for fault in (control.faults if control else CITUS_FAULTS if options.citus else FAULTS)
            if options.only in fault.name
        ],
        every=options.every,
        devices=options.devices,
        wait_factor=options.wait_factor,
        environment=control.environment if control else None,
        prepare=control.prepare if control else None,
        citus=options.citus,
        show=show,
    )
    log, verdict, seconds = run(plan)
    if options.log:
        show("\n".join(["", *log.lines]))
    render = report.render_json if options.json else report.render_table
    print(render(log, verdict, seconds, seed))  # noqa: T201 - its output
    return 1 if verdict.findings else 0


if __name__ == "__main__":
    sys.exit(main())
