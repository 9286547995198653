"""``manage.py mirror TARGET``: keep a Parquet data set equal to what is stored."""

from __future__ import annotations

import hashlib
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from analysis.mirror.mirror import Mirror, find_study
from analysis.mirror.series_files import Written
from analysis.mirror.target import InvalidTarget, Target
from identities.audit.models import AuditEvent
from identities.audit.recorder import record
from identities.studies import Study
from ingest.management.maintenance_command import PeriodicCommand

POLL_INTERVAL_SECONDS = 5
# Two integers: erasure waits for the holders of locks of one bigint, which are uploads.
_LOCK = "SELECT pg_try_advisory_lock(%s, %s)"
_LOCK_CLASS = 0x6D697272


class Command(PeriodicCommand):
    help = "Keep a Parquet data set of the samples in a folder or an object store."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "target",
            metavar="TARGET",
            help="a folder, s3://BUCKET/PATH or gs://BUCKET/PATH; credentials come from the "
            "environment",
        )
        parser.add_argument("--study", metavar="NAME", help="only identities of this study")
        parser.add_argument(
            "--follow",
            action="store_true",
            help=f"continue every {POLL_INTERVAL_SECONDS} s until SIGTERM or SIGINT",
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        study = options["study"]
        try:
            target = Target.parse(options["target"])
            if study is not None:
                find_study(study)
        except InvalidTarget as error:
            raise CommandError(f"TARGET: {error}") from error
        except Study.DoesNotExist as error:
            raise CommandError(f"There is no study {study!r}.") from error
        record(AuditEvent.Action.EXPORT, text=f"mirror {options['target']} {study or ''}".strip())
        mirror = Mirror(target, study, is_stopping=self.ending.is_set)
        if options["follow"]:
            self.repeat(POLL_INTERVAL_SECONDS, lambda: self._follow(mirror, options["target"]))
            return
        self.stop_on_signals()
        try:
            done = self._synchronise(mirror, options["target"])
        except OSError as error:
            raise CommandError(f"{_reason(error)} The next run continues from here.") from error
        if options["json"]:
            self.write_json(asdict(done))
        else:
            self.stdout.write(_describe(done))

    def _follow(self, mirror: Mirror, target: str) -> str:
        try:
            done = self._synchronise(mirror, target)
        except OSError as error:
            return f"not now: {_reason(error)}"
        return _describe(done) if done.files or done.deleted else ""

    def _synchronise(self, mirror: Mirror, target: str) -> Written:
        number = int.from_bytes(hashlib.sha256(target.encode()).digest()[:4], "big", signed=True)
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [_LOCK_CLASS, number])
            if not cursor.fetchone()[0]:
                raise CommandError("Another process keeps this mirror.")
        try:
            return mirror.synchronise()
        except InvalidTarget as error:
            raise CommandError(f"TARGET: {error}") from error
        except Study.DoesNotExist as error:
            raise CommandError(f"There is no study {mirror.study!r} any more.") from error


def _describe(done: Written) -> str:
    return f"{done.files} files written with {done.samples:,} samples, {done.deleted} deleted."


def _reason(error: OSError) -> str:
    return f"The target failed: {str(error).partition(chr(10))[0][:300]}."
