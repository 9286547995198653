"""``manage.py prune``: delete data that is older than the retention policies allow."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from identities.management.base import current_account, find_scope
from ingest.maintenance.deletion import Amount
from ingest.maintenance.retention import Pruned, preview, prune
from ingest.management.maintenance_command import MaintenanceCommand, find_identity_id, format_hour


class Command(MaintenanceCommand):
    help = (
        "Delete samples and files that are older than the retention policies of the admin "
        "allow. Without a policy nothing is deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_identity(parser)
        parser.add_argument(
            "--study", metavar="STUDY", help="only identities of this study and of its sites"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only show what would be deleted"
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        now_ms = time.time_ns() // 1_000_000
        identity_id = find_identity_id(options["identity"])
        scope = find_scope(options["study"])
        pruned = (
            preview(now_ms, identity_id, scope)
            if is_dry
            else prune(now_ms, current_account(), identity_id, scope)
        )
        series, total = [], Amount()
        for one in pruned:
            total += one.amount
            series.append(_describe(one))
            self.show_progress(f"{total.samples:,} samples, {total.files:,} files")
        self.clear_progress()
        if not is_dry and (total.samples or total.files):
            self.audit("prune", samples=total.samples, files=total.files)
        if options["json"]:
            self.write_json({"dry_run": is_dry, "series": series})
            return
        for entry in series:
            self.stdout.write(
                f"{entry['identity']} {entry['name']} before {entry['before']}: "
                f"{entry['samples']:,} samples, "
                f"{entry['files']:,} files ({entry['file_bytes']:,} bytes)"
            )
        verb = "would be deleted" if is_dry else "deleted"
        self.stdout.write(f"{total.samples:,} samples and {total.files:,} files {verb}.")


def _describe(pruned: Pruned) -> dict[str, Any]:
    return {
        "identity": pruned.identity.name,
        "name": pruned.name,
        "before": format_hour(pruned.before_hour),
        "samples": pruned.amount.samples,
        "blocks": pruned.amount.blocks,
        "files": pruned.amount.files,
        "file_bytes": pruned.amount.file_bytes,
    }
