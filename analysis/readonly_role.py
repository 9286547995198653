"""The database role for analysts: read-only access to the schema ``analytics``."""

from __future__ import annotations

import secrets

from django.db import connection, transaction
from psycopg import sql

SCHEMA = "analytics"
PASSWORD_BYTES = 24
IDLE_TIMEOUT = "60s"


class RoleExistsError(ValueError):
    """A role of this name exists, and ``replace`` was not set."""


def create_readonly_role(name: str, statement_timeout_ms: int, *, replace: bool) -> str:
    """Create the role ``name`` with a new password, and return the password.

    ``replace`` gives an existing role a new password and the same privileges again. The database
    receives only the SCRAM verifier, so no statement log can hold the password.
    """
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
        exists = cursor.fetchone() is not None
        if exists and not replace:
            raise RoleExistsError(f"The role {name!a} already exists.")
        raw = connection.connection
        verifier = raw.pgconn.encrypt_password(
            password.encode(), name.encode(), b"scram-sha-256"
        ).decode()
        verb = sql.SQL("ALTER" if exists else "CREATE")
        for statement in _statements(name, verifier, statement_timeout_ms):
            cursor.execute(sql.SQL(statement).format(**_names(name, verb)).as_string(raw))
    return password


def _names(name: str, verb: sql.SQL) -> dict[str, sql.Composable]:
    return {
        "verb": verb,
        "role": sql.Identifier(name),
        "schema": sql.Identifier(SCHEMA),
        "database": sql.Identifier(str(connection.settings_dict["NAME"])),
    }


def _statements(name: str, verifier: str, timeout_ms: int) -> list[str]:
    return [
        "{verb} ROLE {role} WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION "
        f"CONNECTION LIMIT 20 PASSWORD '{verifier}'",
        f"ALTER ROLE {{role}} SET statement_timeout = {int(timeout_ms)}",
        "ALTER ROLE {role} SET default_transaction_read_only = on",
        f"ALTER ROLE {{role}} SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT}'",
        "ALTER ROLE {role} SET search_path = {schema}",
        "GRANT CONNECT ON DATABASE {database} TO {role}",
        "GRANT USAGE ON SCHEMA {schema} TO {role}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}",
        # Views that a later migration adds are readable too.
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
    ]
