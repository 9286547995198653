"""The statements that distribute files and blocks over a Citus cluster, sharded by identity.

Identities, certificates and who takes part in which study are reference tables, copied to every
node: every upload reads the first two, and studies narrow every list. Files, blocks and series of
one identity are colocated on one node. All other tables stay on the coordinator. Each statement is
a transaction of its own, so an interrupted run can be resumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from identities.cluster import LOCK_TURN
from ingest.maintenance.citus_study_views import plan_views, read_views

REFERENCE_TABLES = (
    "identities_identity",
    "ingest_devicecertificate",
    "identities_studyidentity",
)
FILES, BLOCKS, HOURS, DAYS, SERIES = DISTRIBUTED_TABLES = (
    "ingest_measurement",
    "ingest_sampleblock",
    "ingest_hoursummary",
    "ingest_daysummary",
    "ingest_series",
)
KEYED_BY_ID = (FILES, BLOCKS)  # the other keys begin with the identity
KEY = "identity_id, id"

# (partmethod, repmodel) of a reference table, and the partmethod of a table sharded by hash, in
# pg_dist_partition.
_REFERENCE, _BY_HASH = ("n", "t"), "h"

_DISTRIBUTION = """
SELECT logicalrelid::regclass::text, partmethod::text, repmodel::text FROM pg_dist_partition
WHERE logicalrelid::regclass::text = ANY(%s)
"""
_FOREIGN_KEYS = """
SELECT c.conrelid::regclass::text, c.confrelid::regclass::text, c.conname
FROM pg_constraint c
WHERE c.contype = 'f' AND c.conrelid <> c.confrelid AND c.conparentid = 0
  AND (c.conrelid::regclass::text = ANY(%(tables)s)
       OR c.confrelid::regclass::text = ANY(%(tables)s))
ORDER BY 1, 3
"""
_COORDINATOR = "SELECT count(*) > 0 FROM pg_dist_node WHERE groupid = 0"
_PRIMARY_KEYS = """
SELECT c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid)
FROM pg_constraint c WHERE c.contype = 'p' AND c.conrelid::regclass::text = ANY(%s)
"""
_STORAGE = """
SELECT bool_and(a.attstorage = 'x') FROM pg_attribute a
WHERE a.attrelid = 'ingest_sampleblock'::regclass AND a.attnum > 0
  AND a.attndims > 0
"""
_HAS_ID_INDEX = "SELECT to_regclass('measurement_by_id') IS NOT NULL"
_GENERATED = """
SELECT bool_or(a.attgenerated <> '') FROM pg_attribute a
WHERE a.attrelid = 'ingest_measurement'::regclass AND a.attname = 'transaction'
"""
_FUNCTIONS = """
SELECT p.oid::regprocedure::text, p.proretset, quote_ident(n.nspname) || '.' ||
       quote_ident(p.proname), pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
       p.prosrc
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
WHERE n.nspname = 'analytics' AND l.lanname = 'sql'
ORDER BY p.proretset, 1
"""

# A node sees its own statement on a shard, not the reader's: the check becomes a sub-select, which
# the coordinator evaluates.
_SAMPLES = "SELECT pg_get_viewdef('analytics.samples'::regclass)"
_CHECK = "WHERE analytics.require_block_filter()"
_CHECK_ONCE = "WHERE (SELECT analytics.require_block_filter())"

# Registration locks the key's identity, in turns.
_REGISTRATION = "SELECT pg_get_functiondef('ingest_register_new'::regproc)"
_LOCKS_IDENTITY = "    SELECT i.name INTO identity_name\n"
_WAITS_FOR_TURN = f"    PERFORM {LOCK_TURN};\n\n{_LOCKS_IDENTITY}"

_GATHERS = "SELECT pg_get_viewdef('analytics.series'::regclass) LIKE '%MATERIALIZED%'"
# The view of the migrations, except that the sums of the shards are materialized on the coordinator
# and joined there with the measurement types, a local table: Citus supports no other join of both.
_GATHERED_SERIES = """
CREATE OR REPLACE VIEW analytics.series AS
WITH s AS MATERIALIZED (
    SELECT b.identity_id, b.name, sum(b.sample_count)::bigint AS samples,
           min(b.first_ms) AS first_ms, max(b.last_ms) AS last_ms
    FROM ingest_sampleblock b GROUP BY b.identity_id, b.name
)
SELECT i.name::text AS identity, s.name::text AS name, t.label, t.unit, t.loinc, s.samples,
       'epoch'::timestamptz + s.first_ms * interval '1 millisecond' AS first,
       'epoch'::timestamptz + s.last_ms * interval '1 millisecond' AS last
FROM s
JOIN identities_identity i ON i.id = s.identity_id
LEFT JOIN LATERAL (
    SELECT m.label::text, m.unit::text, m.loinc::text FROM ingest_measurementtype m
    WHERE m.pattern = s.name
       OR (right(m.pattern, 1) = '*' AND starts_with(s.name::text, left(m.pattern, -1)))
    ORDER BY right(m.pattern, 1) = '*', length(m.pattern) DESC LIMIT 1
) t ON true
""".strip()


class CannotDistributeError(Exception):
    """The database cannot be distributed, or already is; the text names the remedy."""


@dataclass(frozen=True, slots=True)
class State:
    """The schema as far as the plan depends on it; ``distribution`` has Citus tables only."""

    distribution: dict[str, tuple[str, str]]
    foreign_keys: list[tuple[str, str, str]]
    primary_keys: dict[str, tuple[str, str]]
    has_id_index: bool
    is_compressed: bool
    has_generated_transaction: bool
    gathers_series: bool
    samples: str
    registration: str
    functions: list[tuple[str, bool, str, str, str, str]]
    study_views: list[tuple[str, str, str]]


def read_state() -> State:
    """Read the state of the database; raise ``CannotDistributeError`` without Citus."""
    if not _read_value("SELECT to_regclass('pg_dist_partition') IS NOT NULL"):
        raise CannotDistributeError(
            "The extension citus is not in this database: install it on all nodes, then run "
            "CREATE EXTENSION citus; and citus_add_node for each."
        )
    with connection.cursor() as cursor:
        tables = [*REFERENCE_TABLES, *DISTRIBUTED_TABLES]
        cursor.execute(_DISTRIBUTION, [tables])
        distribution = {table: (method, model) for table, method, model in cursor.fetchall()}
        cursor.execute(_FOREIGN_KEYS, {"tables": tables})
        foreign_keys = cursor.fetchall()
        cursor.execute(_PRIMARY_KEYS, [list(KEYED_BY_ID)])
        primary_keys = {table: (name, definition) for table, name, definition in cursor.fetchall()}
        cursor.execute(_FUNCTIONS)
        functions = cursor.fetchall()
    return State(
        distribution,
        foreign_keys,
        primary_keys,
        has_id_index=_read_value(_HAS_ID_INDEX),
        is_compressed=_read_value(_STORAGE),
        has_generated_transaction=_read_value(_GENERATED),
        gathers_series=_read_value(_GATHERS),
        samples=_read_value(_SAMPLES),
        registration=_read_value(_REGISTRATION),
        functions=functions,
        study_views=read_views(),
    )


def _read_value(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def has_coordinator() -> bool:
    """Whether the coordinator has copies of the reference tables, as the workers do.

    Lists of the admin join them with local tables and need these copies.
    """
    return bool(_read_value(_COORDINATOR))


def plan(state: State) -> list[str]:
    """Return the remaining statements, in order; raise ``CannotDistributeError`` without any."""
    for table, method in state.distribution.items():
        is_expected = method == _REFERENCE if table in REFERENCE_TABLES else method[0] == _BY_HASH
        if not is_expected:
            raise CannotDistributeError(
                f"Citus manages {table} in another way, for example as a local table with a "
                f"foreign key to a distributed one: SELECT undistribute_table('{table}') first."
            )
    tables = [*_reference(state), *_keys(state), *_storage(state), *_transaction(state)]
    tables += _distribute(state)
    views = [] if state.gathers_series else [_GATHERED_SERIES]
    if _CHECK in state.samples:
        query = state.samples.replace(_CHECK, _CHECK_ONCE).strip().rstrip(";")
        views.append(f"CREATE OR REPLACE VIEW analytics.samples AS\n{query}")
    views += plan_views(state.study_views)
    if _WAITS_FOR_TURN not in state.registration:
        views.append(state.registration.replace(_LOCKS_IDENTITY, _WAITS_FOR_TURN).strip())
    if not (tables or views or any(returns_rows for _, returns_rows, *_ in state.functions)):
        raise CannotDistributeError("The tables are distributed already.")
    return [*tables, *views, *_functions(state)]


def _reference(state: State) -> Iterator[str]:
    # Through a foreign key Citus would manage the table at its other end, and so on through all
    # tables, so the keys are dropped first. Django still enforces them.
    missing = [table for table in REFERENCE_TABLES if table not in state.distribution]
    for table, other, name in state.foreign_keys:
        if table in missing or other in missing:
            yield f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'
    for table in missing:
        yield f"SELECT create_reference_table('{table}')"


def _keys(state: State) -> Iterator[str]:
    for table in KEYED_BY_ID:
        name, definition = state.primary_keys.get(table, ("", ""))
        if definition == f"PRIMARY KEY ({KEY})":
            continue
        if name:
            yield f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'
        yield f"ALTER TABLE {table} ADD PRIMARY KEY ({KEY})"
    if not state.has_id_index:
        # Receipts are searched by id alone, and lists show the newest files first.
        yield f"CREATE INDEX measurement_by_id ON {FILES} (id)"


def _storage(state: State) -> Iterator[str]:
    if not state.is_compressed and BLOCKS not in state.distribution:
        # Arrays that the coordinator compresses are sent decompressed, so the shards compress them.
        yield (
            f"ALTER TABLE {BLOCKS} ALTER COLUMN offsets SET STORAGE EXTENDED, "
            "ALTER COLUMN time_steps SET STORAGE EXTENDED, "
            'ALTER COLUMN "values" SET STORAGE EXTENDED, '
            "ALTER COLUMN integers SET STORAGE EXTENDED, "
            "ALTER COLUMN small_integers SET STORAGE EXTENDED"
        )


def _transaction(state: State) -> Iterator[str]:
    if state.has_generated_transaction:
        # A node would generate its own number: a default is computed on the coordinator, whose
        # numbers order the changes feed.
        yield f"ALTER TABLE {FILES} ALTER COLUMN transaction DROP EXPRESSION"
        yield (
            f"ALTER TABLE {FILES} ALTER COLUMN transaction "
            "SET DEFAULT pg_current_xact_id()::text::bigint"
        )


def _distribute(state: State) -> Iterator[str]:
    if FILES not in state.distribution:
        yield f"SELECT create_distributed_table('{FILES}', 'identity_id')"
    for table in (BLOCKS, HOURS, DAYS, SERIES):
        if table not in state.distribution:
            yield (
                f"SELECT create_distributed_table('{table}', 'identity_id', "
                f"colocate_with => '{FILES}')"
            )


def _functions(state: State) -> Iterator[str]:
    """Yield the statements that keep the functions of the schema ``analytics`` usable.

    Citus rejects parameters of SQL functions in statements on distributed tables, so functions that
    return rows become PL/pgSQL. Functions of values must exist on the nodes that evaluate them.
    """
    for signature, returns_rows, name, arguments, result, body in state.functions:
        if not returns_rows:
            yield f"SELECT create_distributed_function('{signature}')"
            continue
        # The coordinator finds the identity first: Citus joins no union of blocks with identities.
        query = body.replace("WITH range AS (", "WITH range AS MATERIALIZED (").rstrip().rstrip(";")
        yield (
            f"CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS {result}\n"
            "LANGUAGE plpgsql STABLE PARALLEL SAFE AS $function$\n"
            f"#variable_conflict use_column\nBEGIN\nRETURN QUERY{query};\nEND\n$function$"
        )


def execute(statement: str) -> None:
    """Execute one statement of the plan, outside any transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")  # copies all files and blocks
        cursor.execute(statement)
