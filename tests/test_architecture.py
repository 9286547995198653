"""The shape of the code: imports point down, files and functions stay short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parent.parent
APPS = ("device_endpoint", "analysis", "alerts", "ingest", "identities")
MAX_FILE_LINES = 300
MAX_TEST_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_TEST_NAME_LENGTH = 60
VAGUE_NAMES = {"utils.py", "helpers.py", "services.py", "common.py", "misc.py"}
HTTP_PACKAGES = ("django.http", "django.views", "django.shortcuts")
# Inside an app, only these folders and modules speak HTTP.
HTTP_PLACES = {"api", "admin", "admin.py", "mfa", "oidc", "audit"}
HTTP_MODULES = {"request_id.py", "login_lockout.py"}
# The first three select the settings; exec_child.py imports nothing of the project.
ENVIRONMENT_READERS = {
    "env.py", "manage.py", "device_wsgi.py", "staff_wsgi.py", "exec_child.py",
}  # fmt: skip

Function = ast.FunctionDef | ast.AsyncFunctionDef


def source_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


PRODUCT = [*source_files(*APPS), ROOT / "manage.py"]
CLIENT = source_files("client")
TESTS = source_files("tests", "benchmarks", "tools")


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(), str(path)))


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_follow_the_layers(capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(no_cache=True)
    assert status == 0, capsys.readouterr().out


def test_only_the_edges_import_http() -> None:
    found = []
    for path in source_files("analysis", "alerts", "ingest", "identities"):
        if HTTP_PLACES & set(path.parts) or path.name in HTTP_MODULES:
            continue
        for node in nodes(path):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{name}" for name in names]
            if any(name.startswith(HTTP_PACKAGES) for name in names):
                found.append(label(path))
    assert found == []


def test_the_environment_is_read_in_one_place() -> None:
    readers = [
        label(path)
        for path in PRODUCT
        if path.name not in ENVIRONMENT_READERS
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    assert readers == []


def test_files_stay_short() -> None:
    limits = dict.fromkeys(TESTS, MAX_TEST_FILE_LINES)
    limits |= dict.fromkeys([*PRODUCT, *CLIENT], MAX_FILE_LINES)
    long = {label(path) for path, limit in limits.items() if count_lines(path) > limit}
    assert long == set()


def count_lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_files_are_named_after_an_idea() -> None:
    files = [*PRODUCT, *CLIENT, *TESTS]
    assert [label(path) for path in files if path.name in VAGUE_NAMES] == []


def test_functions_stay_short() -> None:
    long = {
        f"{label(path)}: {node.name}"
        for path in [*PRODUCT, *CLIENT]
        for node in nodes(path)
        if isinstance(node, Function)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert long == set()


def test_test_names_stay_short() -> None:
    long = {
        f"{label(path)}: {node.name}"
        for path in source_files("tests")
        for node in nodes(path)
        if isinstance(node, Function)
        and node.name.startswith("test_")
        and len(node.name) > MAX_TEST_NAME_LENGTH
    }
    assert long == set()
