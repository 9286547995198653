"""What the commands share that look after stored data: whose, how far, by whom."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime

from django.core.management.base import CommandError

from identities.management.base import DatabaseCommand, format_iso
from identities.models import Identity

SHOWN_EVERY_SECONDS = 0.2


class CareCommand(DatabaseCommand):
    """A command that works on all identities or on one, and shows how far it is."""

    _shown_at = 0.0

    def add_identity(self, parser: ArgumentParser) -> None:
        """Add ``--identity``."""
        parser.add_argument(
            "--identity", metavar="IDENTITY", help="only this one; upper and lower case alike"
        )

    def add_json(self, parser: ArgumentParser) -> None:
        """Add ``--json``."""
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def show(self, line: str) -> None:
        """Show on a terminal how far the work is, over the line shown before."""
        if self.stderr.isatty() and time.monotonic() - self._shown_at > SHOWN_EVERY_SECONDS:
            self._shown_at = time.monotonic()
            self.stderr.write(f"\r\x1b[K{line}", ending="")
            self.stderr.flush()

    def end_showing(self) -> None:
        """Remove what was shown."""
        if self._shown_at:
            self.stderr.write("\r\x1b[K", ending="")


def chosen_identities(name: str | None) -> Iterator[Identity]:
    """Yield the identity that ``--identity`` names, or all of them."""
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
    """Return the key of the identity that ``--identity`` names, None where it is not given."""
    return None if name is None else find_identity(name).pk


def hour_text(hour: int) -> str:
    """Return an hour, counted from 1970-01-01T00:00Z, as ISO 8601."""
    return format_iso(datetime.fromtimestamp(hour * 3600, UTC))
