"""``manage.py doctor``: diagnose the running installation."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from device_endpoint.doctor import run_all


class Command(BaseCommand):
    help = (
        "Diagnose the running installation: settings, database, services, secrets, certificates, "
        "disk space, and whether forged certificates are rejected. Exit status 1 if a line says "
        "FAIL."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = run_all()
        is_ok = not any(finding.level == "FAIL" for finding in findings)
        if options["json"]:
            document = {"ok": is_ok, "checks": [finding.as_json() for finding in findings]}
            self.stdout.write(json.dumps(document))
        else:
            for finding in findings:
                self.stdout.write(finding.as_line())
        if not is_ok:
            sys.exit(1)
