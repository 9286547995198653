"""``manage.py prune``: delete what is older than the retention policies allow."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from identities.management.base import current_account
from ingest.maintenance.deletion import Amount
from ingest.maintenance.retention import Pruned, preview, prune
from ingest.management.maintenance_command import CareCommand, find_identity_id, hour_text


class Command(CareCommand):
    help = (
        "Delete samples, and files, that are older than the retention policies of the admin "
        "allow. Where there is no policy nothing is deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_identity(parser)
        parser.add_argument("--dry-run", action="store_true", help="only show what would go")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        now_ms = time.time_ns() // 1_000_000
        identity_id = find_identity_id(options["identity"])
        found = (
            preview(now_ms, identity_id)
            if is_dry
            else prune(now_ms, current_account(), identity_id)
        )
        series, total = [], Amount()
        for each in found:
            total += each.amount
            series.append(_describe(each))
            self.show(f"{total.samples:,} samples, {total.files:,} files")
        self.end_showing()
        if not is_dry and (total.samples or total.files):
            self.audit("prune", samples=total.samples, files=total.files)
        if options["json"]:
            self.write_json({"dry_run": is_dry, "series": series})
            return
        for one in series:
            self.stdout.write(
                f"{one['identity']} {one['name']} before {one['before']}: {one['samples']:,} "
                f"samples, {one['files']:,} files ({one['file_bytes']:,} bytes)"
            )
        verb = "would be deleted" if is_dry else "deleted"
        self.stdout.write(f"{total.samples:,} samples and {total.files:,} files {verb}.")


def _describe(each: Pruned) -> dict[str, Any]:
    return {
        "identity": each.identity.name,
        "name": each.name,
        "before": hour_text(each.before_hour),
        "samples": each.amount.samples,
        "blocks": each.amount.blocks,
        "files": each.amount.files,
        "file_bytes": each.amount.file_bytes,
    }
