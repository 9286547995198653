"""The views of ``analytics_study`` on a Citus cluster.

The nodes evaluate a view as the role that asks, and a role of a study may read no table there. So
each view reads a function of the owner, which has the view's own statement. The function gathers
all rows of the study: a condition of the reader is evaluated on the coordinator afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.db import connection, transaction

_SEARCH_PATH = "SELECT current_setting('search_path'), set_config('search_path', %s, true)"
_VIEWS = """
SELECT quote_ident(c.relname), string_agg(
           quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', '
           ORDER BY a.attnum
       ), pg_get_viewdef(c.oid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'analytics_study'::regnamespace AND c.relkind = 'v'
GROUP BY c.oid, c.relname ORDER BY c.relname
"""
# Citus evaluates no sub-select on the coordinator within a condition: its value is a variable.
_OWN = re.compile(r"\( SELECT analytics_study\.(identity|study)_numbers\(\) AS \w+\)")
# As for ``analytics.series``: the nodes do not have the measurement types.
_SERIES_VIEW = "series"
_SERIES = """
WITH s AS MATERIALIZED (
    SELECT b.identity_id, b.name::text AS name, sum(b.sample_count)::bigint AS samples,
           min(b.first_ms) AS first_ms, max(b.last_ms) AS last_ms
    FROM public.ingest_sampleblock b WHERE b.identity_id = ANY (own_identity)
    GROUP BY b.identity_id, b.name
)
SELECT i.name::text, s.name, t.label, t.unit, t.loinc, s.samples,
       'epoch'::timestamptz + s.first_ms * interval '1 millisecond',
       'epoch'::timestamptz + s.last_ms * interval '1 millisecond'
FROM s
JOIN public.identities_identity i ON i.id = s.identity_id
LEFT JOIN LATERAL (
    SELECT m.label::text, m.unit::text, m.loinc::text FROM public.ingest_measurementtype m
    WHERE m.pattern = s.name
       OR (right(m.pattern, 1) = '*' AND starts_with(s.name, left(m.pattern, -1)))
    ORDER BY right(m.pattern, 1) = '*', length(m.pattern) DESC LIMIT 1
) t ON true
"""
_WRAPPED = """
DROP FUNCTION IF EXISTS analytics_study.{function}();
CREATE FUNCTION analytics_study.{function}() RETURNS TABLE ({columns})
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    own_identity bigint[] := analytics_study.identity_numbers();
    own_study bigint[] := analytics_study.study_numbers();
BEGIN
    RETURN QUERY {body};
END
$function$;
REVOKE ALL ON FUNCTION analytics_study.{function}() FROM PUBLIC;
CREATE OR REPLACE VIEW analytics_study.{view} WITH (security_barrier) AS
SELECT * FROM analytics_study.{function}();
"""
# Roles that exist already call the functions too.
_GRANT = """
DO $$
DECLARE
    reader text;
BEGIN
    FOR reader IN
        SELECT r.role FROM public.analysis_studyrole r
        JOIN pg_catalog.pg_roles p ON p.rolname = r.role
    LOOP
        EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA analytics_study TO %I', reader);
    END LOOP;
END
$$
"""


def read_views() -> list[tuple[str, str, str]]:
    """Return name, columns and definition of each view that reads tables itself."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Definitions then name the schema of each table, as the functions need it.
        cursor.execute(_SEARCH_PATH, ["pg_catalog"])
        before = cursor.fetchone()[0]
        cursor.execute(_VIEWS)
        rows = cursor.fetchall()
        cursor.execute(_SEARCH_PATH, [before])
    return [row for row in rows if f"analytics_study.{_name_function(row[0])}(" not in row[2]]


def plan_views(views: list[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the statements that let each of ``views`` read a function, one for each."""
    for name, columns, definition in views:
        body = _OWN.sub(r"(own_\1)", definition).rstrip().rstrip(";")
        yield (
            _WRAPPED.format(
                function=_name_function(name),
                view=name,
                columns=columns,
                body=_SERIES if name == _SERIES_VIEW else body,
            )
            .strip()
            .rstrip(";")
        )
    if views:
        yield _GRANT.strip()


def _name_function(view: str) -> str:
    return f"rows_of_{view}"
