"""``manage.py rebuild``: rebuild the stored samples from their files."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from identities.models import Identity
from ingest.maintenance.rebuild import Rebuilt, rebuild_series
from ingest.maintenance.replay import series_names
from ingest.management.maintenance_command import MaintenanceCommand, select_identities


class Command(MaintenanceCommand):
    help = (
        "Rebuild the stored samples from their files. Safe while devices upload. Exit status 1 "
        "if a file is damaged: its hours do not change."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_identity(parser)
        parser.add_argument("names", nargs="*", metavar="NAME", help="only these series")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        document: dict[str, Any] = {
            "series": 0, "blocks_before": 0, "blocks_after": 0, "samples": 0, "damaged": [],
        }  # fmt: skip
        wanted = set(options["names"])
        for identity in select_identities(options["identity"]):
            for name in series_names(identity.pk):
                if options["names"] and name not in options["names"]:
                    continue
                wanted.discard(name)
                done = rebuild_series(identity.pk, name, self._reporter(identity, name))
                self.clear_progress()
                _add(document, identity, name, done)
        if wanted:
            raise CommandError(f"There is no series {', '.join(sorted(wanted))}.")
        self.audit(
            "rebuild",
            identity=options["identity"] or "all",
            series=document["series"],
            damaged=len(document["damaged"]),
        )
        if options["json"]:
            self.write_json(document)
        else:
            self._print(document)
        if document["damaged"]:
            sys.exit(1)

    def _reporter(self, identity: Identity, name: str) -> Any:
        return lambda samples: self.show_progress(f"{identity.name} {name}: {samples:,} samples")

    def _print(self, document: dict[str, Any]) -> None:
        for each in document["damaged"]:
            self.stdout.write(
                f"{each['identity']} {each['name']!a} file {each['id']}: {each['fault']}; "
                "its hours did not change"
            )
        self.stdout.write(
            f"{document['series']:,} series rebuilt: {document['blocks_before']:,} blocks replaced "
            f"by {document['blocks_after']:,}, {document['samples']:,} samples."
        )


def _add(document: dict[str, Any], identity: Identity, name: str, done: Rebuilt) -> None:
    document["series"] += 1
    document["blocks_before"] += done.blocks_before
    document["blocks_after"] += done.blocks_after
    document["samples"] += done.samples
    document["damaged"] += [
        {"identity": identity.name, "name": name, "id": str(each.id), "fault": each.fault}
        for each in done.damaged
    ]
