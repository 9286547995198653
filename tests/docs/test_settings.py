"""docs/reference/settings.md lists exactly the environment variables that are read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from device_endpoint import env

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/reference/settings.md").read_text()
READERS = {name for name in vars(env) if name.startswith("read_")}


def _names_read(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        function, first = node.func, node.args[0]
        called = function.id if isinstance(function, ast.Name) else None
        if called in READERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def test_the_table_lists_the_variables_that_are_read() -> None:
    sources = [
        path
        for folder in ("device_endpoint", "analysis", "alerts", "ingest", "identities")
        for path in (PROJECT / folder).rglob("*.py")
    ]
    read = {name for path in sources for name in _names_read(path)}
    assert len(read) > 30
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)) == read


def test_the_page_lists_every_former_name() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \|$", PAGE, re.MULTILINE)
    assert {former: name for name, former in rows if former in env.RENAMED_SETTINGS} == (
        env.RENAMED_SETTINGS
    )
