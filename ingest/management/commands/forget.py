"""``manage.py forget IDENTITY``: delete an identity and all its data."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from identities.management.base import current_account
from identities.models import Identity
from ingest.maintenance.deletion import Amount
from ingest.maintenance.erasure import StillWritingError, erase
from ingest.maintenance.replay import series_names
from ingest.management.maintenance_command import CareCommand, find_identity
from ingest.models import DataDeletion


class Command(CareCommand):
    help = (
        "Delete an identity for good: its files, samples, certificates, keys and registration "
        "attempts. Recorded by number, without its name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identity", metavar="IDENTITY", help="upper and lower case alike")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--reference", default="", metavar="TEXT", help="of the request, kept in the record"
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        identity = find_identity(options["identity"])
        if not options["yes"]:
            self._ask(identity)
        # By number: the trail, which nobody can change, must not be what remembers the name.
        self.audit(f"forget identity number {identity.pk}", reference=options["reference"])
        try:
            done = erase(
                identity,
                by=current_account(),
                reference=options["reference"],
                report=self._reporter(),
            )
        except StillWritingError as error:
            raise CommandError(str(error)) from error
        self.end_showing()
        if options["json"]:
            self.write_json(_describe(done.record))
            return
        record = done.record
        self.stdout.write(
            f"Forgotten: {record.samples:,} samples, {record.files:,} files, and all else of "
            f"this identity. Record {record.pk} of identity number {record.identity_number}."
        )

    def _ask(self, identity: Identity) -> None:
        if not sys.stdin.isatty():
            raise CommandError("Nobody can be asked here: say --yes.")
        count = len(series_names(identity.pk))
        self.stderr.write(
            f"{identity.name}: {count:,} series, {identity.certificates.count():,} certificates "
            "and all else of it will be deleted. There is no way back.\n"
            "Type the name of the identity to go on: ",
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
            self.show(f"{total.samples:,} samples and {total.files:,} files deleted")

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
