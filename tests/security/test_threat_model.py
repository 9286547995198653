"""docs/explanation/threat-model.md names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tools.security_report import TOPICS

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/explanation/threat-model.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_every_line_of_its_tables_names_a_test() -> None:
    lines = PAGE.partition("## Attacks that were tried")[0].splitlines()
    rows = [row for row in lines if row.startswith("| ") and "| test |" not in row]
    assert len(rows) == len(NAMED) > 30


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_the_test_exists(file: str, name: str) -> None:
    tree = ast.parse((PROJECT / file).read_text())
    assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


def test_the_report_runs_every_file_of_the_page() -> None:
    paths = [path for paths in TOPICS.values() for path in paths]
    files = {file for file, _ in NAMED}
    assert [file for file in files if not any(Path(file).is_relative_to(p) for p in paths)] == []


def test_every_topic_has_a_command_and_existing_tests() -> None:
    assert re.findall(r"^\| `make security-report ONLY=(\w+)` ", PAGE, re.MULTILINE) == list(TOPICS)
    assert [
        path for paths in TOPICS.values() for path in paths if not (PROJECT / path).exists()
    ] == []
