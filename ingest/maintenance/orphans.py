"""Find rows whose identity, certificate, key or file is gone.

References between the apps, and those of files, have no database constraint. Erasure and the lock
of the identity (``identities.models.lock_identity``) keep them whole; this verifies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey, Model

from ingest.maintenance.long_transaction import transaction_without_timeouts

_COUNT = """
SELECT count(*) FROM {table} r
WHERE r.{column} IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM {target} t WHERE t.{key} = r.{column})
"""


@dataclass(frozen=True, slots=True)
class Orphans:
    """``rows`` rows of ``table`` refer by ``column`` to rows of ``target`` that do not exist."""

    table: str
    column: str
    target: str
    rows: int


def unconstrained_references() -> list[tuple[type[Model], ForeignKey[Any, Any]]]:
    """Return each foreign key that the database does not enforce, with its model."""
    return [
        (model, field)
        for model in apps.get_models()
        if model._meta.managed and not model._meta.proxy
        for field in model._meta.local_fields
        if isinstance(field, ForeignKey) and not getattr(field, "db_constraint", True)
    ]


def find_orphans() -> Iterator[Orphans]:
    """Yield the references with orphans. Raises ``django.db.Error``; not for a transaction."""
    for model, field in unconstrained_references():
        target = field.related_model._meta
        table, column = model._meta.db_table, field.column
        statement = _COUNT.format(
            table=table, column=column, target=target.db_table, key=field.target_field.column
        )
        with transaction_without_timeouts(), connection.cursor() as cursor:
            cursor.execute(statement)
            (rows,) = cursor.fetchone()
        if rows:
            yield Orphans(table, column, target.db_table, rows)
