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
from django.db.backends.utils import CursorWrapper
from django.db.models import ForeignKey, Model

from ingest.maintenance.citus import DISTRIBUTED_TABLES
from ingest.maintenance.long_transaction import transaction_without_timeouts

_COUNT = """
SELECT count(*) FROM {table} r
WHERE r.{column} IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM {target} t WHERE t.{key} = r.{column})
"""
# Citus joins no local table with a distributed one: the keys go there as an array.
_REFERENCES = """
SELECT r.{column}, count(*) FROM {table} r WHERE r.{column} IS NOT NULL GROUP BY r.{column}
"""
_TARGETS = "SELECT t.{key} FROM {target} t WHERE t.{key} = ANY(%s)"


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
        names = {
            "table": table,
            "column": str(column),
            "target": target.db_table,
            "key": str(field.target_field.column),
        }
        is_local = table not in DISTRIBUTED_TABLES
        with transaction_without_timeouts(), connection.cursor() as cursor:
            if is_local and target.db_table in DISTRIBUTED_TABLES:
                rows = _count_by_keys(cursor, names)
            else:
                cursor.execute(_COUNT.format(**names))
                (rows,) = cursor.fetchone()
        if rows:
            yield Orphans(table, column, target.db_table, rows)


def _count_by_keys(cursor: CursorWrapper, names: dict[str, str]) -> int:
    cursor.execute(_REFERENCES.format(**names))
    references = dict(cursor.fetchall())
    cursor.execute(_TARGETS.format(**names), [list(references)])
    found = {key for (key,) in cursor.fetchall()}
    return sum(count for key, count in references.items() if key not in found)
