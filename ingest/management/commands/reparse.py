"""``manage.py reparse``: parse rejected files again."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from ingest.maintenance.reparse import Reparsed, reparse
from ingest.management.maintenance_command import MaintenanceCommand, select_identities
from ingest.models import Measurement
from ingest.uploads import accepted_time_window, file_limits


class Command(MaintenanceCommand):
    help = (
        "Parse rejected files again, after a fix or a changed setting, and store those that are "
        "readable now as if they had just been received. Their receipts keep their ids."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_identity(parser)
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        stored: list[dict[str, Any]] = []
        still_rejected = 0
        for identity in select_identities(options["identity"]):
            done = Reparsed()
            for done in reparse(identity.pk, accepted_time_window(), file_limits()):
                self.show_progress(f"{identity.name}: {len(done.stored):,} stored")
            self.clear_progress()
            still_rejected += done.still_rejected
            stored += [_describe(each, identity.name) for each in done.stored]
        self.audit(
            "reparse",
            identity=options["identity"] or "all",
            stored=len(stored),
            still_rejected=still_rejected,
        )
        if options["json"]:
            self.write_json({"stored": stored, "still_rejected": still_rejected})
            return
        for each in stored:
            self.stdout.write(
                f"{each['identity']} {each['name']} {each['id']}: {each['samples']:,} samples, "
                f"{each['new']:,} new, {each['replaced']:,} replaced"
            )
        self.stdout.write(
            f"{len(stored):,} files are stored now, {still_rejected:,} remain rejected."
        )


def _describe(measurement: Measurement, identity: str) -> dict[str, Any]:
    fields = (
        "name",
        "lines",
        "samples",
        "new",
        "identical",
        "replaced",
        "repeated",
        "first_ms",
        "last_ms",
    )
    return {
        "id": str(measurement.pk),
        "identity": identity,
        **{field: getattr(measurement, field) for field in fields},
    }
