"""``manage.py compact``: merge the small blocks of finished hours."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.db import Error, connection

from ingest.keeping.compaction import Compacted, compact
from ingest.management.care import CareCommand, find_identity_id


class Command(CareCommand):
    help = (
        "Merge the small blocks of finished hours into as few as fit. Samples stay as they are; "
        "devices may go on sending."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_identity(parser)
        parser.add_argument("--all", action="store_true", help="hours that are not over as well")
        parser.add_argument(
            "--every", type=int, metavar="SECONDS", help="again and again, until it is told to end"
        )
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self._ending = threading.Event()
        if options["every"] is not None:
            self._take_signals()
            self._repeat(options)
            return
        done = self._compact(options)
        if options["json"]:
            self.write_json(done.as_json())
        else:
            self.stdout.write(_describe(done))

    def _compact(self, options: dict[str, Any]) -> Compacted:
        done = compact(
            identity_id=find_identity_id(options["identity"]),
            unfinished_too=options["all"],
            vacuum_at_end=options["every"] is None,
            report=lambda done: self.show(_describe(done)),
            is_stopping=self._ending.is_set,
        )
        self.end_showing()
        return done

    def _repeat(self, options: dict[str, Any]) -> None:
        while not self._ending.is_set():
            try:
                done = self._compact(options)
                if done.hours or done.busy or done.damaged:
                    self.stdout.write(_describe(done))
                    self.stdout.flush()
            except Error as error:
                # The database may be restarting: the next round finds the work as it was left.
                self.stderr.write(f"not now: {str(error).strip().splitlines()[0]}")
            # Held no longer than needed: a connection would keep PostgreSQL from a smart stop.
            connection.close()
            self._ending.wait(options["every"])

    def _take_signals(self) -> None:
        def end(number: int, frame: FrameType | None) -> None:
            self._ending.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)


def _describe(done: Compacted) -> str:
    line = (
        f"{done.hours:,} hours: {done.blocks_before:,} blocks are {done.blocks_after:,} now, "
        f"{done.samples:,} samples"
    )
    if done.busy:
        line += f"; {done.busy:,} busy hours left for the next run"
    if done.damaged:
        line += f"; {done.damaged:,} damaged hours left alone: run `manage.py verify`"
    return line
