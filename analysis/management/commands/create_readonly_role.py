"""``manage.py create_readonly_role NAME``: create a read-only login for SQL tools."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from analysis.readonly_role import RoleExistsError, create_readonly_role
from identities.management.base import DatabaseCommand, duration, find_study

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)


class Command(DatabaseCommand):
    help = "Create a PostgreSQL role that can read the schema analytics and nothing else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and _")
        parser.add_argument(
            "--study", metavar="STUDY", help="read the identities of this study and its sites only"
        )
        parser.add_argument(
            "--statement-timeout",
            type=duration,
            default=timedelta(seconds=30),
            metavar="TIME",
            help="maximum duration of a statement (default 30s)",
        )
        parser.add_argument(
            "--replace", action="store_true", help="give an existing role a new password"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        if not _NAME.fullmatch(name) or name.startswith("pg_"):
            raise CommandError("NAME: lower-case letters, digits and _; not pg_…; 63 at most.")
        if name == connection.settings_dict["USER"]:
            raise CommandError("NAME: this is the role of the service itself.")
        study = None if options["study"] is None else find_study(options["study"])
        timeout = int(options["statement_timeout"] / timedelta(milliseconds=1))
        try:
            password = create_readonly_role(name, timeout, replace=options["replace"], study=study)
        except RoleExistsError as error:
            raise CommandError(f"{error} --replace gives it a new password.") from error
        self.audit("create_readonly_role", study, role=name)
        settings = connection.settings_dict
        document = {
            "role": name,
            "password": password,
            "host": str(settings["HOST"]),
            "port": str(settings["PORT"] or "5432"),
            "database": str(settings["NAME"]),
        }
        if options["json"]:
            self.write_json(document)
            return
        for key, value in document.items():
            self.stdout.write(f"{key:<10}{value}")
        self.stdout.write("\nThe password is shown once.")
