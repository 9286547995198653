"""``manage.py monitor_devices``: detect incidents and send notifications."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from alerts.monitor import MonitorRun, run_once
from ingest.management.maintenance_command import PeriodicCommand


class Command(PeriodicCommand):
    help = (
        "Detect overdue series and expiring certificates, and send notifications by e-mail and "
        "webhook, as the settings configure."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_every(parser)
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["every"] is not None:
            self.repeat(options["every"], self._run_and_describe_changes)
            return
        run = run_once(timezone.now())
        if options["json"]:
            self.write_json(run.as_json())
        else:
            self.stdout.write(_describe(run))

    def _run_and_describe_changes(self) -> str:
        run = run_once(timezone.now())
        return _describe(run) if run.sent or run.failed else ""


def _describe(run: MonitorRun) -> str:
    return (
        f"{run.late:,} overdue, {run.catching_up:,} catching up, "
        f"{run.expiring:,} certificates expiring soon; notifications: {run.sent:,} sent, "
        f"{run.failed:,} failed{', none in quiet hours' if run.quiet else ''}"
    )
