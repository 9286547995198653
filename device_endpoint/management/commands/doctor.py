"""``manage.py doctor``: is this installation well, and is nobody believed who should not be?"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from device_endpoint.doctor import run_all


class Command(BaseCommand):
    help = (
        "Look at the running installation: database, doors, secrets, certificates, room, and "
        "whether a claimed certificate is believed. Ends with 1 only when a line says FAIL."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = run_all()
        well = not any(one.level == "FAIL" for one in findings)
        if options["json"]:
            document = {"ok": well, "checks": [one.as_json() for one in findings]}
            self.stdout.write(json.dumps(document))
        else:
            for one in findings:
                self.stdout.write(one.as_line())
        if not well:
            sys.exit(1)
