"""``manage.py forget IDENTITY``: erase an identity and all its data."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from identities.management.base import current_account
from identities.models import Identity
from ingest.maintenance.deletion import Amount
from ingest.maintenance.erasure import UploadsStillRunning, erase
from ingest.maintenance.replay import series_names
from ingest.management.maintenance_command import MaintenanceCommand, find_identity
from ingest.models import DataDeletion


class Command(MaintenanceCommand):
    help = (
        "Erase an identity: its files, samples, certificates, keys and registration attempts. "
        "This is final. The record has its number, not its name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identity", metavar="IDENTITY", help="case-insensitive")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        parser.add_argument(
            "--reference",
            default="",
            metavar="TEXT",
            help="reference of the request for the record",
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        identity = find_identity(options["identity"])
        if not options["yes"]:
            self._confirm(identity)
        # By number: nobody can remove the name from the append-only audit log.
        self.audit(f"forget identity number {identity.pk}", reference=options["reference"])
        try:
            record = erase(
                identity,
                by=current_account(),
                reference=options["reference"],
                report=self._reporter(),
            )
        except UploadsStillRunning as error:
            raise CommandError(str(error)) from error
        self.clear_progress()
        if options["json"]:
            self.write_json(_describe(record))
            return
        self.stdout.write(
            f"Erased: {record.samples:,} samples, {record.files:,} files and everything else of "
            f"this identity. Record {record.pk} of identity number {record.identity_number}."
        )

    def _confirm(self, identity: Identity) -> None:
        if not sys.stdin.isatty():
            raise CommandError("There is no terminal to confirm on: use --yes.")
        count = len(series_names(identity.pk))
        self.stderr.write(
            f"{identity.name}: {count:,} series, {identity.certificates.count():,} certificates "
            "and everything else of it will be erased. This cannot be undone.\n"
            "Type the name of the identity to continue: ",
            ending="",
        )
        self.stderr.flush()
        if sys.stdin.readline().strip() != identity.name:
            raise CommandError("Nothing was deleted.")

    def _reporter(self) -> Any:
        total = Amount()

        def report(amount: Amount) -> None:
            nonlocal total
            total += amount
            self.show_progress(f"{total.samples:,} samples and {total.files:,} files deleted")

        return report


def _describe(record: DataDeletion) -> dict[str, Any]:
    return {
        "record": record.pk,
        "identity_number": record.identity_number,
        "samples": record.samples,
        "blocks": record.blocks,
        "files": record.files,
        "file_bytes": record.file_bytes,
    }
