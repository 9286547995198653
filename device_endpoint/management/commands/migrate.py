"""``manage.py migrate``: Django's command, safe to run while devices upload.

A schema change waits for all transactions that use the table, and later transactions queue behind
it. So it waits only briefly for the lock, gives up, lets the queued uploads proceed and tries
again. Each migration is its own transaction: those already applied stay applied.
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
    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; raise ``CommandError`` if the database is away or a table stays locked."""
        database = connections[options["database"]]
        if database.in_atomic_block:  # the caller's transaction cannot be retried
            super().handle(*args, **options)
            return
        for attempts_left in reversed(range(MAX_ATTEMPTS)):
            try:
                with _migration_timeouts(database):
                    super().handle(*args, **options)
            except OperationalError as error:
                if (
                    not attempts_left
                    or getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE
                ):
                    message = explain(error)
                    raise CommandError(message or str(error)) from error
            else:
                return
            self.stderr.write("a table is in use: trying again")
            time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - jitter, no secret


@contextmanager
def _migration_timeouts(database: BaseDatabaseWrapper) -> Iterator[None]:
    """Allow statements of any duration, but wait for locks only briefly."""
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
