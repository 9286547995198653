"""``manage.py export_samples IDENTITY NAME``: export a series as CSV, Parquet or JSON."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from analysis.exports.formats import FORMATS, Part
from analysis.exports.provenance import describe_export, names_of
from analysis.queries.series import UnknownSeriesError
from analysis.queries.side_by_side import find_samples, read_parts
from identities.audit.models import AuditEvent
from identities.audit.recorder import record
from identities.management.base import DatabaseCommand, find_scope
from ingest.measurement_types import find_kinds
from ingest.time_range import RangeError, parse_range


class Command(DatabaseCommand):
    help = "Write the samples of a series, ascending, to a file or to standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "identity", metavar="IDENTITY", help="name of the identity; case is ignored"
        )
        parser.add_argument("name", metavar="NAME", help="name of the measurement")
        parser.add_argument(
            "--study", metavar="STUDY", help="only if the identity takes part in this study"
        )
        time_format = "ISO 8601 (UTC if it has no offset) or epoch milliseconds"
        parser.add_argument(
            "--from", dest="start", metavar="TIME", help=f"start, inclusive: {time_format}"
        )
        parser.add_argument("--to", dest="end", metavar="TIME", help="end, exclusive")
        parser.add_argument(
            "--columns",
            metavar="NAMES",
            help="columns of the measurement side by side: x,y or * for all (the default where no "
            "series has exactly this name)",
        )
        parser.add_argument("--format", choices=sorted(FORMATS), default="csv", help="default: csv")
        parser.add_argument(
            "--output", default="-", metavar="FILE", help="default: -, standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        asked = options["columns"]
        try:
            wanted = parse_range(options["start"], options["end"])
            found = find_samples(
                options["identity"],
                options["name"],
                find_scope(options["study"]),
                None if asked in (None, "*") else asked.split(","),
                is_side_by_side=asked is not None,
            )
        except RangeError as error:
            raise CommandError(f"--{error}") from error
        except UnknownSeriesError as error:
            raise CommandError(str(error)) from error
        source = f"manage.py export_samples on {settings.PUBLIC_HOST}"
        kinds = find_kinds(names_of(found))
        provenance = describe_export(found, kinds, wanted, timezone.now(), source)
        start, end = provenance["from"], provenance["to"]
        text = f"export_samples {found.identity} {found.name} {start} {end}"
        record(AuditEvent.Action.EXPORT, text=text)
        parts, columns = read_parts(found, wanted)
        samples = self._with_progress(parts, found.count, options["output"])
        try:
            with _open_output(options["output"]) as file:
                for chunk in FORMATS[options["format"]].encode(samples, provenance, columns):
                    file.write(chunk)
        except BrokenPipeError:
            _discard_stdout()  # the reader, such as `head`, has closed the pipe
        except OSError as error:
            raise CommandError(f"{options['output']}: {error.strerror or error}") from error

    def _with_progress(self, parts: Iterable[Part], count: int, output: str) -> Iterator[Part]:
        is_shown = output != "-" and self.stderr.isatty()
        done = 0
        for part in parts:
            yield part
            done += len(part) * len(part.columns)
            if is_shown:
                self.stderr.write(f"\r{done:,} of at most {count:,} samples", ending="")
        if is_shown:
            self.stderr.write("")


@contextmanager
def _open_output(output: str) -> Iterator[BinaryIO]:
    """Open ``output`` for writing; a file appears under its name only when complete."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    if target.exists() and not target.is_file():  # /dev/null, a pipe
        with target.open("wb") as file:
            yield file
        return
    partial = target.with_name(f"{target.name}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _discard_stdout() -> None:
    # Python flushes standard output again at exit, and would report the broken pipe again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
