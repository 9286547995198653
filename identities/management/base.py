"""The base of the project's commands: expected errors are one line, without a traceback."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
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
from identities.studies import Study
from identities.visibility import EVERYTHING, Scope

# Citus: "connection to the remote node role@worker-1:5432 failed with the following error: …"
_REMOTE_NODE = re.compile(r"remote node (?:[^@\s]*@)?(\S+?:\d+)")
UNDEFINED_TABLE = "42P01"
UNDEFINED_COLUMN = "42703"


class DatabaseCommand(BaseCommand):
    """A command that needs the database, and reports in one line if it is unavailable.

    Rows that it adds and changes are in the audit log, done by ``current_account()``. What the
    models' signals do not cover (SQL that deletes, a database role) the command adds with
    ``audit``.
    """

    requires_system_checks = ()

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; raise ``CommandError`` if the database is unavailable."""
        try:
            with as_actor(Actor(username=current_account())):
                return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            message = explain(error)
            if message is None:
                raise
            raise CommandError(message) from error

    def audit(self, text: str, row: Model | None = None, **figures: int | str) -> None:
        """Add a comment to the audit log about what the command does, without secrets."""
        changes = {name: [None, value] for name, value in figures.items()}
        recorder.record(AuditEvent.Action.COMMENT, row, changes=changes, text=text)

    def write_json(self, document: dict[str, Any]) -> None:
        """Print ``document`` as one line of JSON, the output of ``--json``."""
        self.stdout.write(json.dumps(document))


def current_account() -> str:
    """Return the operating system's account that runs the command, for the audit log."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"user {os.getuid()}"
    return f"{name} (command line)"[:150]


def explain(error: DatabaseError) -> str | None:
    """Return one line on why the database is unavailable, None if the error is a bug."""
    state = getattr(error.__cause__, "sqlstate", None)
    if state in (UNDEFINED_TABLE, UNDEFINED_COLUMN):
        return "The database has not been set up: start it with `make up`, or run `migrate`."
    reason = (str(error).splitlines() or [type(error).__name__])[0].strip()
    if node := _REMOTE_NODE.search(reason):
        return (
            f"The node {node[1]} of the cluster does not answer: start its PostgreSQL, or see its "
            "log. `manage.py doctor` names the state of all nodes."
        )
    if state is not None and not state.startswith(("08", "53", "57P")):
        # The database responded: a lock or statement timeout.
        is_timeout = isinstance(error, OperationalError)
        return f"The database gave up ({reason})." if is_timeout else None
    if not isinstance(error, OperationalError):
        return None
    host = connection.settings_dict.get("HOST") or "localhost"
    return (
        f"The database is not running ({host}: {reason}): "
        "start it with `make up`, or set DATABASE_URL."
    )


def duration(text: str) -> timedelta:
    """Parse a duration: the ``type`` of options such as ``--valid-for``."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def find_study(name: str) -> Study:
    """Return the study that ``--study`` names; raise ``CommandError``."""
    try:
        return Study.objects.named(name)
    except Study.DoesNotExist as error:
        raise CommandError(f"There is no study {name!r}: create it in the admin.") from error


def find_scope(study: str | None) -> Scope:
    """Return the scope of ``--study``, that of everything without the option."""
    if study is None:
        return EVERYTHING
    return EVERYTHING.narrowed(frozenset({find_study(study).pk}))


def describe_error(error: ValidationError) -> str:
    """Return the messages of ``error`` as one line, each with its field."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    fields = error.message_dict.items()
    return " ".join(f"{field}: {' '.join(messages)}" for field, messages in fields)


def format_iso(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 in UTC, whole seconds, ending in ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
