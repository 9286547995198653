"""``manage.py verify``: compare the stored samples with the files they came from."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from identities.models import Identity
from ingest.maintenance.replay import series_names
from ingest.maintenance.verification import SeriesVerified, verify_series
from ingest.management.maintenance_command import CareCommand, chosen_identities, hour_text


class Command(CareCommand):
    help = (
        "Compare the stored samples with the files they came from, one by one. Exit status 1 "
        "where they differ. Changes nothing; devices may go on sending."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_identity(parser)
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self._as_text = not options["json"]
        document: dict[str, Any] = {
            "clean": True, "series": 0, "files": 0, "samples": 0, "differences": [], "damaged": [],
        }  # fmt: skip
        for identity in chosen_identities(options["identity"]):
            for name in series_names(identity.pk):
                verified = verify_series(identity.pk, name, self._reporter(identity, name))
                self.end_showing()
                self._add(document, identity, verified)
        if options["json"]:
            self.write_json(document)
        else:
            self.stdout.write(_describe(document))
        if not document["clean"]:
            sys.exit(1)

    def _reporter(self, identity: Identity, name: str) -> Any:
        return lambda samples: self.show(f"{identity.name} {name}: {samples:,} samples compared")

    def _add(self, document: dict[str, Any], identity: Identity, found: SeriesVerified) -> None:
        document["series"] += 1
        document["files"] += found.files
        document["samples"] += found.samples
        document["clean"] = document["clean"] and found.is_clean
        place = {"identity": identity.name, "name": found.name}
        for difference in found.differences:
            entry = {
                **place,
                "hour": hour_text(difference.hour),
                "missing": difference.missing,
                "extra": difference.extra,
                "different": difference.different,
                "faults": difference.faults,
            }
            document["differences"].append(entry)
            self._say(
                f"{identity.name} {found.name!a} {entry['hour']}: {difference.missing:,} missing, "
                f"{difference.extra:,} extra, {difference.different:,} different "
                f"{'; '.join(difference.faults)}".rstrip()
            )
        for each in found.damaged:
            document["damaged"].append({**place, "id": str(each.id), "fault": each.fault})
            self._say(f"{identity.name} {found.name!a} file {each.id}: {each.fault}")

    def _say(self, line: str) -> None:
        if self._as_text:
            self.stdout.write(line)


def _describe(document: dict[str, Any]) -> str:
    compared = (
        f"{document['series']:,} series, {document['files']:,} files, "
        f"{document['samples']:,} samples compared: "
    )
    if document["clean"]:
        return compared + "all as it must be."
    hours, files = len(document["differences"]), len(document["damaged"])
    return (
        compared + f"{hours:,} hours differ, {files:,} files are damaged. "
        "`manage.py rebuild` makes hours anew from their files."
    )
