"""``manage.py export_study STUDY FOLDER``: write a study's data into a folder."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from analysis.exports.study_content import CONTENTS, SAMPLE_FORMATS, Choice
from analysis.exports.study_folder import export_study
from identities.audit.models import AuditEvent
from identities.audit.recorder import record
from identities.management.base import DatabaseCommand, find_study
from ingest.time_range import RangeError, parse_range


class Command(DatabaseCommand):
    help = (
        "Write the samples and the original files of a study and its sites into a folder, with "
        "data dictionaries and a manifest. Run again, it goes on where it stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", metavar="STUDY", help="name of the study; case is ignored")
        parser.add_argument("folder", metavar="FOLDER", type=Path, help="made if it is missing")
        parser.add_argument(
            "--content",
            choices=CONTENTS,
            default="both",
            help="default: both",
        )
        parser.add_argument(
            "--format", choices=SAMPLE_FORMATS, default="parquet", help="default: parquet"
        )
        parser.add_argument(
            "--name",
            action="append",
            default=[],
            metavar="NAME",
            help="only this measurement name; may be repeated",
        )
        time_format = "ISO 8601 (UTC if it has no offset) or epoch milliseconds"
        parser.add_argument(
            "--from", dest="start", metavar="TIME", help=f"start, inclusive: {time_format}"
        )
        parser.add_argument("--to", dest="end", metavar="TIME", help="end, exclusive")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        study = find_study(options["study"])
        try:
            wanted = parse_range(options["start"], options["end"])
        except RangeError as error:
            raise CommandError(f"--{error}") from error
        choice = Choice(
            format=options["format"],
            names=tuple(sorted({*options["name"]})),
            wanted=wanted,
            with_samples=options["content"] != "originals",
            with_originals=options["content"] != "samples",
            source=f"manage.py export_study on {settings.PUBLIC_HOST}",
        )
        record(AuditEvent.Action.EXPORT, study, text=f"export_study {study.name}")
        written = skipped = 0
        try:
            for _, is_new in export_study(options["folder"], study, choice, self.stderr.write):
                written, skipped = written + is_new, skipped + (not is_new)
                self._show_progress(written + skipped)
        except OSError as error:
            raise CommandError(f"{options['folder']}: {error.strerror or error}") from error
        if options["json"]:
            self.write_json({"study": study.name, "written": written, "unchanged": skipped})
        else:
            self.stdout.write(f"{written} identities written, {skipped} unchanged.")

    def _show_progress(self, done: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done:,} identities", ending="")
