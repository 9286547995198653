"""``manage.py distribute``: shard files and blocks by identity with Citus."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from identities.management.base import DatabaseCommand
from ingest.maintenance import citus


class Command(DatabaseCommand):
    help = "Distribute files and blocks by identity over the nodes of a Citus cluster."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="print the SQL and execute nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            statements = citus.plan(citus.read_state())
        except citus.CannotDistributeError as error:
            raise CommandError(str(error)) from error
        if not citus.has_coordinator():
            self.stderr.write(
                "The coordinator is not a node of the cluster: some lists of the admin need "
                "SELECT citus_set_coordinator_host('ITS NAME')."
            )
        for statement in statements:
            self.stdout.write(f"{statement};")
            if not options["dry_run"]:
                self._execute(statement)
        if not options["dry_run"]:
            self.audit("distribute", statements=len(statements))
            self.stdout.write(
                "Distributed. The coordinator still stores the local rows, which are no longer "
                "read. These statements free their space:"
            )
            for table in citus.DISTRIBUTED_TABLES:
                call = f"truncate_local_data_after_distributing_table('{table}')"
                self.stdout.write(f"  SELECT {call};")

    def _execute(self, statement: str) -> None:
        try:
            citus.execute(statement)
        except DatabaseError as error:
            raise CommandError(
                f"{str(error).strip()}\nThe statements before this one are committed. After the "
                "cause is fixed, `manage.py distribute` resumes from here."
            ) from error
