"""`QUICK=1 make bench` measures, stops all that it started and leaves one file."""

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks.report import HEADINGS
from device_endpoint.env import PROJECT_DIR
from tests.support.stack import clean_environment


def run_benchmarks(var_dir: Path, only: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "bench"],
        cwd=PROJECT_DIR,
        env=clean_environment(VAR_DIR=str(var_dir), QUICK="1", ONLY=only),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.debian
def test_a_quick_run_leaves_nothing_but_its_results(tmp_path: Path) -> None:
    run = run_benchmarks(tmp_path, "")
    assert run.returncode == 0, run.stdout + run.stderr
    results = json.loads((tmp_path / "bench.json").read_text())
    assert {"floor", "bare app", "rows by COPY"} <= {row["against"] for row in results["rows"]}
    assert all(tuple(row) == HEADINGS and row["value"] is not None for row in results["rows"])
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


@pytest.mark.debian
def test_unknown_scenarios_are_named(tmp_path: Path) -> None:
    run = run_benchmarks(tmp_path, "small,smaller")
    assert run.returncode != 0
    assert "no rows smaller" in run.stderr
    assert list(tmp_path.iterdir()) == []
