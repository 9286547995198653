"""What the project's commands share: expected failures are one line, never a trace."""

from __future__ import annotations

import argparse
import getpass
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.models import Model
from django.db.utils import OperationalError, ProgrammingError

from identities.audit import recorder
from identities.audit.models import AuditEvent
from identities.audit.recorder import Actor, as_actor
from identities.durations import parse_duration

UNDEFINED_TABLE = "42P01"
UNDEFINED_COLUMN = "42703"


class DatabaseCommand(BaseCommand):
    """A command that needs the database, and says in one line when it is not there.

    What it adds and changes reaches the audit trail as done by ``who()``; what no row of the
    admin shows (SQL that deletes, a role of the database) it has to ``note``.
    """

    requires_system_checks = ()

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; raise ``CommandError`` where the database cannot serve it."""
        try:
            with as_actor(Actor(username=who())):
                return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            message = explain(error)
            if message is None:
                raise
            raise CommandError(message) from error

    def note(self, text: str, row: Model | None = None, **figures: int | str) -> None:
        """Write into the audit trail what the command does; nothing secret."""
        figures_told = {name: [None, value] for name, value in figures.items()}
        recorder.record(AuditEvent.Action.NOTED, row, changes=figures_told, text=text)

    def write_json(self, document: dict[str, Any]) -> None:
        """Print ``document`` as the one line of JSON that ``--json`` promises."""
        self.stdout.write(json.dumps(document))


def who() -> str:
    """Return who runs the command, for records: the account of the operating system."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"user {os.getuid()}"
    return f"{name} (command line)"[:150]


def explain(error: DatabaseError) -> str | None:
    """Return one line for a person on why the database cannot serve, or None for a bug."""
    state = getattr(error.__cause__, "sqlstate", None)
    if state in (UNDEFINED_TABLE, UNDEFINED_COLUMN):
        return "The database has not been set up: start it with `make up`, or run `migrate`."
    reason = (str(error).splitlines() or [type(error).__name__])[0].strip()
    if state is not None and not state.startswith(("08", "53", "57P")):
        # It answered: a lock that was not had in time, a statement that took too long.
        return f"The database gave up ({reason})." if isinstance(error, OperationalError) else None
    if not isinstance(error, OperationalError):
        return None
    place = connection.settings_dict.get("HOST") or "localhost"
    return (
        f"The database is not running ({place}: {reason}): "
        "start it with `make up`, or set DATABASE_URL."
    )


def duration(text: str) -> timedelta:
    """Return ``text`` as a span of time: the ``type`` of options such as ``--valid-for``."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def describe(error: ValidationError) -> str:
    """Return the messages of ``error`` as one line, each with the field that it is about."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    named = error.message_dict.items()
    return " ".join(f"{field}: {' '.join(messages)}" for field, messages in named)


def iso(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 in UTC, whole seconds, ending in ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
