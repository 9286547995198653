"""``manage.py size``: what a number of devices needs."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from device_endpoint.sizing import Fleet, estimate, read_costs, table
from identities.durations import MAX_DURATION, parse_duration

YEAR_DAYS = 365
MAX_DEVICES = 100_000_000
MAX_RATE = 1_000_000.0


def _duration(text: str) -> timedelta:
    """Return a duration; years are allowed too, as in ``2y``."""
    try:
        if text.endswith("y") and text[:-1].isdecimal() and text.isascii():
            return parse_duration(f"{int(text[:-1][:6]) * YEAR_DAYS}d")
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: a number and s, m, h, d or y; at most 10y") from error


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= MAX_DEVICES):
        raise ArgumentTypeError(f"{text!r}: a number from 1 to {MAX_DEVICES:,}")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= MAX_RATE:
        raise ArgumentTypeError(f"{text!r}: samples a second, more than 0")
    return rate


class Command(BaseCommand):
    help = "Print the processors, memory and disk that devices need, from measured costs."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--devices", type=_count, required=True, metavar="N")
        parser.add_argument(
            "--every", type=_duration, required=True, help="the time between two files, such as 15m"
        )
        parser.add_argument(
            "--rate", type=_rate, default=1.0, help="samples a second of a device (default: 1)"
        )
        parser.add_argument(
            "--keep",
            type=_duration,
            default=timedelta(days=2 * YEAR_DAYS),
            help=f"how long data is kept, such as 2y (the default); at most {MAX_DURATION.days}d",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        fleet = Fleet(
            devices=options["devices"],
            every_seconds=options["every"].total_seconds(),
            rate=options["rate"],
            keep_days=options["keep"].total_seconds() / 86_400,
        )
        need, costs = estimate(fleet), read_costs()
        if options["json"]:
            document = {**asdict(fleet), **asdict(need), "machine": costs["machine"]}
            self.stdout.write(json.dumps(document))
            return
        for line in table([(f"{fleet.devices:,}", need)], "devices"):
            self.stdout.write(line)
        self.stdout.write(f"\nfrom costs measured on {costs['measured_on']}: {costs['machine']}")
        self.stdout.write("what is left out, and the error: docs/reference/sizing.md")
