"""``manage.py migrate``: Django's, made fit to run while devices send.

A change of a table waits for everybody who uses it, and everybody who comes later waits behind
it. So it waits briefly and then steps back, lets the uploads by, and tries again. What was done
is kept: each migration is a transaction of its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from identities.management.base import explain

MAX_ATTEMPTS = 30
PAUSE_SECONDS = (0.5, 2.0)
LOCK_NOT_AVAILABLE = "55P03"


class Command(migrate.Command):
    """Django's options, and patience."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; raise ``CommandError`` where the database is away or stays locked."""
        database = connections[options["database"]]
        if database.in_atomic_block:  # somebody else's transaction, which cannot be tried again
            super().handle(*args, **options)
            return
        for left in reversed(range(MAX_ATTEMPTS)):
            try:
                with _at_leisure(database):
                    super().handle(*args, **options)
            except OperationalError as error:
                if not left or getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                    message = explain(error)
                    raise CommandError(message or str(error)) from error
            else:
                return
            self.stderr.write("a table is in use: trying again")
            time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - not in step with what holds it


@contextmanager
def _at_leisure(database: BaseDatabaseWrapper) -> Iterator[None]:
    """Let statements run as long as they need, but wait for locks only briefly."""
    with database.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(f"SET lock_timeout = {settings.MIGRATION_LOCK_TIMEOUT_MS}")
    try:
        yield
    finally:
        if database.is_usable():
            with database.cursor() as cursor:
                cursor.execute("RESET statement_timeout")
                cursor.execute("RESET lock_timeout")
