"""The shape of the code: imports point one way, files stay small, every module says what it is.

``device_endpoint → ingest.api, analysis.api, admin → ingest's verbs → keeping, exporting →
reading → storing → ingest.models → parsing → identities → identities.keys``; ``identities``
knows nothing of ``ingest``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("device_endpoint", "identities", "ingest")
MAX_FILE = 300
MAX_TEST_FILE = 400
MAX_FUNCTION = 40
DRAWERS = {"utils.py", "helpers.py", "services.py", "common.py", "misc.py"}
# What speaks HTTP: the device door, the read API, and the parts of the staff door.
HTTP_EDGES = (
    "device_endpoint",
    "identities.admin",
    "identities.client_ip",
    "identities.login_lockout",
    "identities.mfa",
    "identities.audit.recorder",
    "identities.audit.signals",
    "ingest.admin",
    "ingest.api",
    "analysis.api",
)

# May import what stands below; the longest name that fits a module decides where it stands.
LAYERS = {
    "identities.keys": 0,
    "identities": 1,
    "ingest.escaping": 2,
    "ingest.uuid7": 2,
    "ingest.registration_outcomes": 2,
    "ingest.receipts": 2,
    "ingest.errors": 2,
    "ingest.parsing": 3,
    "ingest.models": 4,
    "ingest.storage": 5,
    "analysis.queries": 6,
    "analysis.exports": 7,
    "ingest.maintenance": 7,
    "ingest": 8,
    "ingest.management": 9,
    "ingest.admin": 9,
    "ingest.api": 9,
    "analysis.api": 9,
    "device_endpoint": 10,
}


def source_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


PRODUCT = [*source_files(*PACKAGES), ROOT / "manage.py"]
CLIENT = source_files("client")
ALL = [*PRODUCT, *CLIENT, *source_files("tests", "benchmarks")]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of each thing that a file imports, under TYPE_CHECKING too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def layer(name: str) -> int | None:
    fitting = [prefix for prefix in LAYERS if is_within(name, prefix)]
    return LAYERS[max(fitting, key=len)] if fitting else None


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PRODUCT, ids=label)
def test_imports_point_one_way(path: Path) -> None:
    own = layer(module_name(path))
    upwards = [name for name in imports(path) if own is not None and (layer(name) or 0) > own]
    assert upwards == []


@pytest.mark.parametrize("path", PRODUCT, ids=label)
def test_nobody_imports_the_tests_or_the_other_edge(path: Path) -> None:
    name = module_name(path)
    edges = [
        edge for edge in ("ingest.api", "analysis.api", "ingest.admin") if is_within(name, edge)
    ]
    barred = {"tests", "ingest.api", "analysis.api", "ingest.admin"} - set(edges)
    if is_within(name, "device_endpoint"):
        barred = {"tests"}
    assert [one for one in imports(path) if any(is_within(one, other) for other in barred)] == []


@pytest.mark.parametrize("path", PRODUCT, ids=label)
def test_only_the_edges_speak_http(path: Path) -> None:
    name = module_name(path)
    if any(is_within(name, edge) for edge in HTTP_EDGES):
        return
    http = ("rest_framework", "django.http", "django.views", "django.shortcuts")
    assert [one for one in imports(path) if any(is_within(one, other) for other in http)] == []


def calls_itself_pure(path: Path) -> bool:
    words = (ast.get_docstring(tree(path)) or "").replace("\n", " ")
    return any(sentence.strip().startswith("Pure") for sentence in words.split("."))


@pytest.mark.parametrize("path", [path for path in ALL if calls_itself_pure(path)], ids=label)
def test_a_module_that_calls_itself_pure_knows_no_orm_no_request_no_settings(path: Path) -> None:
    barred = ("django", "rest_framework", "requests", "ingest.models", "identities.models")
    assert [one for one in imports(path) if any(is_within(one, other) for other in barred)] == []


@pytest.mark.parametrize("path", CLIENT, ids=label)
def test_the_device_client_needs_nothing_of_the_server(path: Path) -> None:
    barred = (*PACKAGES, "django", "rest_framework", "tests")
    assert [one for one in imports(path) if any(is_within(one, other) for other in barred)] == []


@pytest.mark.parametrize("path", [path for path in PRODUCT if path.name != "env.py"], ids=label)
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    reads = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    # The first three name the settings; exec_child.py imports nothing of ours.
    wiring = {"manage.py", "device_wsgi.py", "staff_wsgi.py", "exec_child.py"}
    assert reads == [] or path.name in wiring


@pytest.mark.parametrize("path", ALL, ids=label)
def test_a_file_stays_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    limit = MAX_FILE if path in {*PRODUCT, *CLIENT} else MAX_TEST_FILE
    assert text == "" or ast.get_docstring(tree(path)), "no docstring"
    assert len(text.splitlines()) <= limit
    assert path.name not in DRAWERS, "name a file after the verb or the thing"


@pytest.mark.parametrize("path", [*PRODUCT, *CLIENT], ids=label)
def test_functions_stay_short(path: Path) -> None:
    functions = (
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in functions
        if node.end_lineno and node.end_lineno - node.lineno + 1 > MAX_FUNCTION
    }
    assert long == {}
