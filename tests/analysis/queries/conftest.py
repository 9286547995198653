"""What the tests of database roles share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.support.database import CITUS


@pytest.fixture
def role_db(request: pytest.FixtureRequest) -> Iterator[None]:
    """Open the database of a test that acts as a role: on a cluster one of its own.

    The nodes of a cluster know a role when it is committed, and keep it after its database.
    """
    request.getfixturevalue("db" if CITUS is None else "own_db")
    yield
    if CITUS is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE '%test\\_reader'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP OWNED BY {name}")
                cursor.execute(f"DROP ROLE {name}")
