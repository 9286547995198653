"""A database role of a study reads that study through views and functions, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import Error

from identities.models import Identity
from identities.studies import Study, StudyIdentity
from ingest.maintenance.citus_study_views import plan_views, read_views
from ingest.models import HourSummary, SampleBlock
from tests.analysis.queries.factories import (
    HOUR_MS,
    make_certificate,
    make_measurement,
    make_series,
)
from tests.analysis.queries.test_sql_views import STATEMENTS, filled_in

ROLE = "study_test_reader"
START = 1_700_006_400_000
RANGE = "'2023-11-15T00:00:00Z', '2023-11-16T00:00:00Z'"
VIEWS = ("identities", "participations", "samples", "series", "hours", "files", "devices")
FUNCTIONS = (
    "SELECT * FROM samples_between('{name}', 'hr', {range})",
    "SELECT * FROM days('{name}', 'hr', '2023-11-14', '2023-11-16')",
    "SELECT * FROM buckets_between('{name}', 'hr', {range}, '30 s')",
    "SELECT * FROM series_interval('{name}', 'hr') AS s WHERE s.interval_ms IS NOT NULL",
)
# What the views and functions of analytics are made of.
PARTS = {
    "blocks", "block_times_us", "block_values", "value_bin", "is_bin_end", "bin_value",
    "require_block_filter",
}  # fmt: skip


@pytest.fixture
def reader(role_db: None, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """A cursor of the role of the study A, which has a site; the canary is in B."""
    study = Study.objects.create(name="A")
    site = Study.objects.create(name="A1", parent=study)
    other = Study.objects.create(name="kanarie-study")
    for name, where in (("bed-1", study), ("bed-2", site), ("kanarie", other)):
        identity = Identity.objects.create(name=name, description=name)
        StudyIdentity.objects.create(study=where, identity=identity, participant_code=name)
        make_series(identity, "hr", {START + 1000 * place: 60 + place for place in range(10)})
        HourSummary.objects.create(
            identity=identity, name="hr", hour=START // HOUR_MS, sample_count=10, covered_ms=10_000,
            first_offset_ms=0, last_offset_ms=9_000, step_us=1_000_000,
            minimum=60, maximum=69, mean=64.5, m2=82.5,
            bin_samples=[10], bin_covered_ms=[10_000],
        )  # fmt: skip
        certificate = make_certificate(identity, name)
        make_measurement(certificate, name.encode(), first_ms=START, last_ms=START + 9_000)
    SampleBlock.objects.update(compacted=True)
    call_command("create_readonly_role", ROLE, study="a", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION AUTHORIZATION {ROLE}")
        cursor.execute("SET search_path = analytics_study")
        yield cursor
        cursor.execute("RESET SESSION AUTHORIZATION")
        cursor.execute("RESET search_path")


def read(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor.execute(statement)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def test_views_show_the_study_and_its_sites(reader: Any) -> None:
    for view in VIEWS:
        rows = read(reader, f"SELECT * FROM {view}")  # noqa: S608
        names = {row[0] if view != "identities" else row[1] for row in rows}
        if view in ("files", "devices", "participations"):
            names = {row[1] for row in rows}
        assert names == {"bed-1", "bed-2"}, view
        assert "kanarie" not in str(rows)


def test_every_object_of_analytics_has_one_of_the_study(db: None) -> None:
    names = """
        SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = %(schema)s::regnamespace
            AND c.relkind = 'v'
        UNION SELECT p.proname::text FROM pg_proc p WHERE p.pronamespace = %(schema)s::regnamespace
    """
    found = {}
    with connection.cursor() as cursor:
        for schema in ("analytics", "analytics_study"):
            cursor.execute(names, {"schema": schema})
            found[schema] = {name for (name,) in cursor.fetchall()}
    assert found["analytics"] - PARTS - found["analytics_study"] == set()


def test_hours_and_types_are_those_of_the_study(reader: Any) -> None:
    rows = read(reader, "SELECT DISTINCT identity_number FROM hour_summaries")
    ours = read(reader, "SELECT identity_number FROM identities")
    assert {*rows} == {*ours}
    assert read(reader, "SELECT pattern FROM measurement_types")


def test_on_a_cluster_views_read_functions_of_the_owner(reader: Any) -> None:
    """``distribute`` changes the views; they show the same."""
    views = (*VIEWS, "hour_summaries", "measurement_types")

    def read_all() -> dict[str, list[str]]:
        return {view: sorted(map(str, read(reader, f"SELECT * FROM {view}"))) for view in views}  # noqa: S608

    before = read_all()
    reader.execute("RESET SESSION AUTHORIZATION")
    statements = list(plan_views(read_views()))
    for statement in statements:
        reader.execute(statement)
    assert len(statements) in (0, len(views) + 1)  # none where the database is distributed
    assert read_views() == []
    reader.execute(f"SET SESSION AUTHORIZATION {ROLE}")
    assert read_all() == before
    assert all(before.values())


def test_the_dashboard_of_analysts_shows_the_study(reader: Any) -> None:
    for statement in STATEMENTS:
        rows = read(reader, filled_in(statement).replace("Ward3-07", "bed-1"))
        assert "kanarie" not in str(rows)
        assert rows or "FROM files" in statement


def test_functions_read_the_study_only(reader: Any) -> None:
    for function in FUNCTIONS:
        counts = {
            name: len(read(reader, function.format(name=name, range=RANGE)))
            for name in ("bed-1", "BED-2", "kanarie", "nobody")
        }
        assert counts["bed-1"] == counts["BED-2"] > 0
        assert counts["kanarie"] == counts["nobody"] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM analytics.samples",
        "SELECT * FROM analytics.blocks",
        "SELECT * FROM analytics.samples_between('kanarie', 'hr', now(), now())",
        "SELECT * FROM public.identities_identity",
        "SELECT * FROM public.ingest_sampleblock",
        "SELECT * FROM public.analysis_studyrole",
        "INSERT INTO public.analysis_studyrole (role, study_id, created_at) VALUES ('x', 1, now())",
        "UPDATE analytics_study.identities SET description = ''",
        "CREATE TEMPORARY TABLE own (id int)",
        "CREATE FUNCTION pg_temp.leak(text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
        "CREATE TABLE public.own (id int)",
        "CREATE VIEW analytics_study.own AS SELECT 1",
        "SET ROLE pg_read_all_data",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_there_is_no_way_around(reader: Any, statement: str) -> None:
    with pytest.raises(Error, match=r"denied|must be|cannot|permission"), transaction.atomic():
        reader.execute(statement)


def test_errors_tell_no_value_of_another_study(reader: Any) -> None:
    """The barrier: a condition that fails on a row is not evaluated on rows of others."""
    for view, column in (("identities", "identity"), ("samples", "identity"), ("files", "name")):
        statement = f"SELECT * FROM {view} WHERE {column}::int = 1"  # noqa: S608
        with pytest.raises(Error) as raised, transaction.atomic():
            reader.execute(statement)
        assert "kanarie" not in str(raised.value)


def test_a_role_of_another_kind_loses_what_it_could_read(
    role_db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Study.objects.create(name="A")
    call_command("create_readonly_role", ROLE)
    call_command("create_readonly_role", ROLE, "--replace", study="A")
    with connection.cursor() as cursor:
        for schema, expected in (("analytics", False), ("analytics_study", True)):
            cursor.execute("SELECT has_schema_privilege(%s, %s, 'USAGE')", [ROLE, schema])
            assert cursor.fetchone() == (expected,)
        cursor.execute("SELECT has_table_privilege(%s, 'analytics.samples', 'SELECT')", [ROLE])
        assert cursor.fetchone() == (False,)
    with pytest.raises(CommandError, match="There is no study"):
        call_command("create_readonly_role", "other_role", study="B")
