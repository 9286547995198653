"""The database role for analysts: read-only access to the schema ``analytics``."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from django.db import connection, transaction
from psycopg import sql

from analysis.models import StudyRole
from identities.cluster import is_cluster
from identities.studies import Study

SCHEMA, STUDY_SCHEMA = "analytics", "analytics_study"
PASSWORD_BYTES = 24
IDLE_TIMEOUT = "60s"
# Citus sees a role that this transaction creates over one connection to a node only.
_ONE_BY_ONE = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"
# What the views of ``analytics`` read on the nodes of a cluster.
_NODE_TABLES = (
    "identities_identity",
    "ingest_devicecertificate",
    "ingest_measurement",
    "ingest_sampleblock",
    "ingest_hoursummary",
    "ingest_measurementtype",
)


class RoleExistsError(ValueError):
    """A role of this name exists, and ``replace`` was not set."""


def create_readonly_role(
    name: str, statement_timeout_ms: int, *, replace: bool, study: Study | None = None
) -> str:
    """Create the role ``name`` with a new password, and return the password.

    With ``study`` it reads the schema ``analytics_study``, which shows the study and its sites.
    ``replace`` gives an existing role a new password, and exactly these privileges again. The
    database receives only the SCRAM verifier, so no statement log can hold the password.
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
        statements = [
            *_login_statements(verifier, statement_timeout_ms),
            *_REVOKE_STATEMENTS,
            *(_GRANT_STATEMENTS if study is None else _GRANT_STUDY_STATEMENTS),
        ]
        if is_cluster():
            statements = [_ONE_BY_ONE, *statements, *_on_tables(reads=study is None)]
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(**_names(name, verb)).as_string(raw))
        StudyRole.objects.filter(role=name).delete()
        if study is not None:
            StudyRole.objects.create(role=name, study=study)
    return password


def _on_tables(*, reads: bool) -> Iterator[str]:
    """Yield the statements on the tables that the nodes of a cluster read as the role itself.

    The views of a study read functions of the owner instead.
    """
    for table in _NODE_TABLES:
        right, to = ("GRANT SELECT", "TO") if reads else ("REVOKE ALL", "FROM")
        yield f"{right} ON {table} {to} {{role}}"


def _names(name: str, verb: sql.SQL) -> dict[str, sql.Composable]:
    return {
        "verb": verb,
        "role": sql.Identifier(name),
        "schema": sql.Identifier(SCHEMA),
        "study": sql.Identifier(STUDY_SCHEMA),
        "database": sql.Identifier(str(connection.settings_dict["NAME"])),
    }


def _login_statements(verifier: str, timeout_ms: int) -> list[str]:
    return [
        "{verb} ROLE {role} WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION "
        f"CONNECTION LIMIT 20 PASSWORD '{verifier}'",
        f"ALTER ROLE {{role}} SET statement_timeout = {int(timeout_ms)}",
        "ALTER ROLE {role} SET default_transaction_read_only = on",
        f"ALTER ROLE {{role}} SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT}'",
        "GRANT CONNECT ON DATABASE {database} TO {role}",
    ]


_REVOKE_STATEMENTS = [
    f"REVOKE ALL ON {what} FROM {{role}}"
    for schema in ("{schema}", "{study}")
    for what in (
        f"ALL TABLES IN SCHEMA {schema}",
        f"ALL FUNCTIONS IN SCHEMA {schema}",
        f"SCHEMA {schema}",
    )
]
_REVOKE_STATEMENTS.append(
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE SELECT ON TABLES FROM {role}"
)
_GRANT_STATEMENTS = [
    "ALTER ROLE {role} SET search_path = {schema}",
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}",
    # Views that a later migration adds are readable too.
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
]
_GRANT_STUDY_STATEMENTS = [
    "ALTER ROLE {role} SET search_path = {study}",
    "GRANT USAGE ON SCHEMA {study} TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA {study} TO {role}",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {study} TO {role}",
    # Everybody may make temporary objects by default, which could stand in for others.
    "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
]
