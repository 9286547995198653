"""Simulate the morning: ``python -m tests.scaling.outage``; README: docs/explanation/scaling.md."""

from __future__ import annotations

import argparse
import sys

from tests.scaling.outage.real_devices import FILES, measure
from tests.scaling.outage.simulation import Morning, Outcome, Server, Simulation


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.scaling.outage", description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--wake-seconds", type=float, default=600)
    parser.add_argument("--files", type=int, default=4, help="files that each device has recorded")
    parser.add_argument("--processors", type=float, default=2)
    parser.add_argument("--request-ms", type=float, default=5, help="processor time of a request")
    parser.add_argument("--file-ms", type=float, default=3, help="processor time of a file")
    parser.add_argument("--real", type=int, metavar="N", help="compare with N real devices")
    options = parser.parse_args()
    if options.real:
        server, seen = measure(options.real, wake_seconds=options.real / 50)
        show(f"{options.real} real devices ({server.request_seconds * 1000:.1f} ms)", seen)
        morning = Morning(options.real, options.real / 50, FILES, until=0.0)
        show("the model with the same capacity", Simulation(morning, server).run())
        return 0
    morning = Morning(options.devices, options.wake_seconds, options.files)
    server = Server(options.processors, options.request_ms / 1000, options.file_ms / 1000)
    outcome = Simulation(morning, server).run()
    show(f"{options.devices:,} devices", outcome)
    return int(outcome.undelivered > 0)


def show(title: str, outcome: Outcome) -> None:
    """Print an outcome as a paragraph."""
    sys.stdout.write(
        f"{title}: {outcome.requests:,} requests, {outcome.refusals:,} answered 503, "
        f"{outcome.timeouts:,} timed out; at most {outcome.most_attempts} attempts each;\n"
        f"  seconds from waking to the receipt: median {outcome.quantile(0.5):.1f}, "
        f"99 % {outcome.quantile(0.99):.1f}, longest {outcome.quantile(1):.1f};\n"
        f"  all delivered after {outcome.drained_at:.0f} s, undelivered {outcome.undelivered}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
