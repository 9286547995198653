"""``manage.py verify``: compare the stored samples with their files."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from identities.models import Identity
from ingest.maintenance.orphans import find_orphans
from ingest.maintenance.replay import series_names
from ingest.maintenance.verification import SeriesVerified, verify_series
from ingest.management.maintenance_command import MaintenanceCommand, format_hour, select_identities


class Command(MaintenanceCommand):
    help = (
        "Compare the stored samples with their files, one by one, and find orphaned rows. Exit "
        "status 1 if anything differs. Changes nothing; safe while devices upload."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_identity(parser)
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self._as_text = not options["json"]
        document: dict[str, Any] = {
            "clean": True, "series": 0, "files": 0, "samples": 0, "differences": [], "damaged": [],
            "listing": [], "orphans": [],
        }  # fmt: skip
        for identity in select_identities(options["identity"]):
            for name in series_names(identity.pk):
                verified = verify_series(identity.pk, name, self._reporter(identity, name))
                self.clear_progress()
                self._add(document, identity, verified)
        if options["identity"] is None:
            self._add_orphans(document)
        if options["json"]:
            self.write_json(document)
        else:
            self.stdout.write(_describe(document))
        if not document["clean"]:
            sys.exit(1)

    def _reporter(self, identity: Identity, name: str) -> Any:
        return lambda samples: self.show_progress(
            f"{identity.name} {name}: {samples:,} samples compared"
        )

    def _add(self, document: dict[str, Any], identity: Identity, verified: SeriesVerified) -> None:
        document["series"] += 1
        document["files"] += verified.files
        document["samples"] += verified.samples
        document["clean"] = document["clean"] and verified.is_clean
        place = {"identity": identity.name, "name": verified.name}
        for difference in verified.differences:
            entry = {
                **place,
                "hour": format_hour(difference.hour),
                "missing": difference.missing,
                "extra": difference.extra,
                "different": difference.different,
                "faults": difference.faults,
            }
            document["differences"].append(entry)
            self._print_line(
                f"{identity.name} {verified.name!a} {entry['hour']}: "
                f"{difference.missing:,} missing, {difference.extra:,} extra, "
                f"{difference.different:,} different "
                f"{'; '.join(difference.faults)}".rstrip()
            )
        for each in verified.damaged:
            document["damaged"].append({**place, "id": str(each.id), "fault": each.fault})
            self._print_line(f"{identity.name} {verified.name!a} file {each.id}: {each.fault}")
        if verified.listing:
            document["listing"].append({**place, "fault": verified.listing})
            self._print_line(f"{identity.name} {verified.name!a} {verified.listing}")

    def _add_orphans(self, document: dict[str, Any]) -> None:
        for orphans in find_orphans():
            document["orphans"].append(asdict(orphans))
            document["clean"] = False
            self._print_line(
                f"{orphans.rows:,} rows of {orphans.table} refer by {orphans.column} to rows of "
                f"{orphans.target} that do not exist"
            )

    def _print_line(self, line: str) -> None:
        if self._as_text:
            self.stdout.write(line)


def _describe(document: dict[str, Any]) -> str:
    compared = (
        f"{document['series']:,} series, {document['files']:,} files, "
        f"{document['samples']:,} samples compared: "
    )
    if document["clean"]:
        return compared + "no differences."
    hours, files = len(document["differences"]), len(document["damaged"])
    orphans = sum(entry["rows"] for entry in document["orphans"])
    series = len(document["listing"])
    return (
        compared + f"{hours:,} hours differ, {files:,} files are damaged, {series:,} series are "
        f"listed wrongly, {orphans:,} rows are orphaned. `manage.py rebuild` rebuilds hours from "
        "their files, and the list of series."
    )
