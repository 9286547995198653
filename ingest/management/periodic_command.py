"""Commands that do their work again and again, until they are told to end."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from types import FrameType

from django.db import Error, connection

from ingest.management.maintenance_command import CareCommand


class RepeatingCommand(CareCommand):
    """A command with ``--every``; ``ending`` is set once it is told to end."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.ending = threading.Event()

    def add_every(self, parser: ArgumentParser) -> None:
        """Add ``--every``."""
        parser.add_argument(
            "--every", type=int, metavar="SECONDS", help="again and again, until it is told to end"
        )

    def repeat(self, every: int, work: Callable[[], str]) -> None:
        """Do ``work`` every so many seconds, and print what it returns unless that is nothing."""
        self._take_signals()
        while not self.ending.is_set():
            try:
                line = work()
                if line:
                    self.stdout.write(line)
                    self.stdout.flush()
            except Error as error:
                # The database may be restarting: the next round finds the work as it was left.
                self.stderr.write(f"not now: {str(error).strip().splitlines()[0]}")
            # Held no longer than needed: a connection would keep PostgreSQL from a smart stop.
            connection.close()
            self.ending.wait(every)

    def _take_signals(self) -> None:
        def end(number: int, frame: FrameType | None) -> None:
            self.ending.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
