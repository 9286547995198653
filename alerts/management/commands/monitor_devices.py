"""``manage.py monitor_devices``: find devices that stopped, and tell."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from alerts.monitor import MonitorRun, run_once
from ingest.management.periodic_command import RepeatingCommand


class Command(RepeatingCommand):
    help = (
        "Find devices that stopped or came back and certificates that end soon, and tell by "
        "e-mail and webhook, as the settings say."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_every(parser)
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["every"] is not None:
            self.repeat(options["every"], self._look_and_describe_news)
            return
        looked = run_once(timezone.now())
        if options["json"]:
            self.write_json(looked.as_json())
        else:
            self.stdout.write(_describe(looked))

    def _look_and_describe_news(self) -> str:
        looked = run_once(timezone.now())
        return _describe(looked) if looked.sent or looked.failed else ""


def _describe(looked: MonitorRun) -> str:
    return (
        f"{looked.late:,} late, {looked.catching_up:,} catching up, "
        f"{looked.expiring:,} certificates end soon; notices: {looked.sent:,} sent, "
        f"{looked.failed:,} failed{', none in quiet hours' if looked.quiet else ''}"
    )
