"""DuckDB, Polars, pandas and Spark read a mirror as it is, and find what is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.analysis.mirror.test_mirror import TODAY, mirror
from tests.ingest.maintenance.factories import (
    DAY_MS,
    MORNING,
    make_certificate,
    make_identity,
    send,
)

pytestmark = pytest.mark.usefixtures("own_db")

PANDAS = """
import pandas
table = pandas.read_parquet(folder)
found = table.groupby(["identity_id", "name"], observed=True)["value"].agg(["size", "sum"])
rows = [[*key, *row] for key, row in zip(found.index, found.values.tolist())]
"""
POLARS = """
import polars
table = polars.scan_parquet(folder + "/**/*.parquet", hive_partitioning=True)
found = table.group_by("identity_id", "name").agg(polars.len(), polars.col("value").sum())
rows = found.collect().rows()
"""
DUCKDB = """
import duckdb
rows = duckdb.sql(
    "SELECT identity_id, name, count(*), sum(value) FROM read_parquet('" + folder
    + "/**/*.parquet', hive_partitioning = true) GROUP BY 1, 2"
).fetchall()
"""
SPARK = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.read.parquet(folder).createOrReplaceTempView("mirror")
rows = spark.sql(
    "SELECT identity_id, name, count(*), sum(value) FROM mirror GROUP BY 1, 2"
).collect()
"""


def read_with(code: str, folder: Path) -> list[list[object]]:
    """Return (identity, name, count, sum) of each series, by an engine in its own process."""
    program = (
        f"import json\nfolder = {str(folder)!r}\n{code}\n"
        "print('rows', json.dumps(sorted([int(a), b, int(c), float(d)] for a, b, c, d in rows)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    rows: list[list[object]] = json.loads(run.stdout.partition("rows ")[2])
    return rows


def fill(folder: Path) -> list[list[object]]:
    """Mirror some series; return (identity, name, count, sum) of each by SQL."""
    for _ in range(2):
        certificate = make_certificate(make_identity())
        for name in ("hr", "ibi"):
            send(certificate, {MORNING + 7 * DAY_MS * i: 1.5 * i for i in range(20)}, name=name)
            send(certificate, {TODAY - DAY_MS: 2.0, TODAY: 3.0}, name=name)
    mirror(folder).synchronise()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.id, s.name, count(*), sum(s.value) FROM analytics.samples s"
            " JOIN identities_identity i ON i.name = s.identity GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [list(row) for row in cursor.fetchall()]


def test_pandas_reads_a_mirror(tmp_path: Path) -> None:
    assert fill(tmp_path) == read_with(PANDAS, tmp_path)


@pytest.mark.lake
@pytest.mark.parametrize("code", [POLARS, DUCKDB, SPARK], ids=["polars", "duckdb", "spark"])
def test_other_engines_read_a_mirror(code: str, tmp_path: Path) -> None:
    assert fill(tmp_path) == read_with(code, tmp_path)
