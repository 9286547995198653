"""Base classes of the commands that maintain stored data: options, progress, repetition."""

from __future__ import annotations

import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import FrameType

from django.core.management.base import CommandError
from django.db import Error, connection

from identities.management.base import DatabaseCommand, format_iso
from identities.models import Identity

PROGRESS_INTERVAL_SECONDS = 0.2


class MaintenanceCommand(DatabaseCommand):
    """A command that works on all identities or on one, and shows its progress."""

    _shown_at = 0.0

    def add_identity(self, parser: ArgumentParser) -> None:
        """Add the option ``--identity``."""
        parser.add_argument(
            "--identity", metavar="IDENTITY", help="only this identity (case-insensitive)"
        )

    def add_json(self, parser: ArgumentParser) -> None:
        """Add the option ``--json``."""
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def show_progress(self, line: str) -> None:
        """Replace the progress line on a terminal, at most every ``PROGRESS_INTERVAL_SECONDS``."""
        if self.stderr.isatty() and time.monotonic() - self._shown_at > PROGRESS_INTERVAL_SECONDS:
            self._shown_at = time.monotonic()
            self.stderr.write(f"\r\x1b[K{line}", ending="")
            self.stderr.flush()

    def clear_progress(self) -> None:
        if self._shown_at:
            self.stderr.write("\r\x1b[K", ending="")


class PeriodicCommand(MaintenanceCommand):
    """A command with ``--every``; SIGTERM and SIGINT set ``ending``."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.ending = threading.Event()

    def add_every(self, parser: ArgumentParser) -> None:
        """Add the option ``--every``."""
        parser.add_argument(
            "--every", type=int, metavar="SECONDS", help="repeat until SIGTERM or SIGINT"
        )

    def repeat(self, every: int, work: Callable[[], str]) -> None:
        """Call ``work`` every ``every`` seconds, and print what it returns unless it is empty."""
        self.stop_on_signals()
        while not self.ending.is_set():
            try:
                line = work()
                if line:
                    self.stdout.write(line)
                    self.stdout.flush()
            except Error as error:
                # The database may be restarting: the next round continues the work.
                self.stderr.write(f"not now: {str(error).strip().splitlines()[0]}")
            # An idle connection would delay a smart shutdown of PostgreSQL.
            connection.close()
            self.ending.wait(every)

    def stop_on_signals(self) -> None:
        """Let SIGTERM and SIGINT set ``ending``."""

        def end(number: int, frame: FrameType | None) -> None:
            self.ending.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)


def select_identities(name: str | None) -> Iterator[Identity]:
    """Yield the identity that ``--identity`` names, or all identities."""
    if name is not None:
        yield find_identity(name)
        return
    yield from Identity.objects.order_by("pk")


def find_identity(name: str) -> Identity:
    """Return the identity called ``name`` in any case; raise ``CommandError``."""
    try:
        return Identity.objects.named(name)
    except Identity.DoesNotExist as error:
        raise CommandError(f"There is no identity {name!r}.") from error


def find_identity_id(name: str | None) -> int | None:
    """Return the id of the identity that ``--identity`` names, None without that option."""
    return None if name is None else find_identity(name).pk


def format_hour(hour: int) -> str:
    """Return an hour, counted from 1970-01-01T00:00Z, as ISO 8601."""
    return format_iso(datetime.fromtimestamp(hour * 3600, UTC))
