"""``manage.py compact``: merge the small blocks of finished hours."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from ingest.maintenance.compaction import compact
from ingest.maintenance.hour_merging import Compacted
from ingest.maintenance.recompression import recompress
from ingest.management.maintenance_command import PeriodicCommand, find_identity_id


class Command(PeriodicCommand):
    help = (
        "Merge the small blocks of finished hours into as few as possible. Samples do not "
        "change. Safe while devices upload."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_identity(parser)
        parser.add_argument(
            "--all", action="store_true", help="also hours that are not over yet, and recent files"
        )
        self.add_every(parser)
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["every"] is not None:
            self.repeat(options["every"], lambda: self._compact_and_describe_work(options))
            return
        done = self._compact(options)
        recompressed = self._recompress(options)
        if options["json"]:
            self.write_json(done.as_json())
        else:
            self.stdout.write("\n".join(filter(None, (_describe(done), recompressed))))

    def _recompress(self, options: dict[str, Any]) -> str:
        """Use idle time for stored files; return what was done, "" for nothing."""
        if options["identity"] or self.ending.is_set() or not settings.RECOMPRESSION_SECONDS:
            return ""
        done = recompress(
            settings.RECOMPRESSION_SECONDS, self.ending.is_set, include_recent=options["all"]
        )
        if not done.files:
            return ""
        return (
            f"{done.files:,} files compressed again: {done.bytes_before:,} bytes before, "
            f"{done.bytes_after:,} after"
        )

    def _compact(self, options: dict[str, Any]) -> Compacted:
        done = compact(
            identity_id=find_identity_id(options["identity"]),
            include_unfinished=options["all"],
            vacuum_at_end=options["every"] is None,
            report=lambda done: self.show_progress(_describe(done)),
            is_stopping=self.ending.is_set,
        )
        self.clear_progress()
        return done

    def _compact_and_describe_work(self, options: dict[str, Any]) -> str:
        done = self._compact(options)
        compacted = _describe(done) if done.hours or done.busy or done.damaged else ""
        return "\n".join(line for line in (compacted, self._recompress(options)) if line)


def _describe(done: Compacted) -> str:
    line = (
        f"{done.hours:,} hours: {done.blocks_before:,} blocks merged into {done.blocks_after:,}, "
        f"{done.samples:,} samples"
    )
    if done.busy:
        line += f"; {done.busy:,} busy hours left for the next run"
    if done.damaged:
        line += f"; {done.damaged:,} damaged hours skipped: run `manage.py verify`"
    return line
