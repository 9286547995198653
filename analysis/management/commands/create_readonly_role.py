"""``manage.py create_readonly_role NAME``: a login for SQL tools that can only read."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from analysis.readonly_role import RoleExistsError, create_readonly_role
from identities.management.base import DatabaseCommand, duration

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)


class Command(DatabaseCommand):
    help = "Make a role of PostgreSQL that may read the schema analytics and nothing else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and _")
        parser.add_argument(
            "--statement-timeout",
            type=duration,
            default=timedelta(seconds=30),
            metavar="TIME",
            help="how long one statement may take (30s)",
        )
        parser.add_argument(
            "--replace", action="store_true", help="give a role that is there a new password"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        if not _NAME.fullmatch(name) or name.startswith("pg_"):
            raise CommandError("NAME: lower-case letters, digits and _; not pg_…; 63 at most.")
        if name == connection.settings_dict["USER"]:
            raise CommandError("NAME: this is the program's own role.")
        timeout = int(options["statement_timeout"] / timedelta(milliseconds=1))
        try:
            password = create_readonly_role(name, timeout, replace=options["replace"])
        except RoleExistsError as error:
            raise CommandError(f"{error} --replace gives it a new password.") from error
        self.audit("create_readonly_role", role=name)
        found = connection.settings_dict
        document = {
            "role": name,
            "password": password,
            "host": str(found["HOST"]),
            "port": str(found["PORT"] or "5432"),
            "database": str(found["NAME"]),
        }
        if options["json"]:
            self.write_json(document)
            return
        for key, value in document.items():
            self.stdout.write(f"{key:<10}{value}")
        self.stdout.write("\nThe password is shown once.")
