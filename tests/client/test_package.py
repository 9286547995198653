"""The client is a separate package: it installs, and declares its dependencies."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from device_client import certificate
from device_endpoint.env import PROJECT_DIR

CLIENT = PROJECT_DIR / "client"
PROJECT = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_what_it_imports_is_what_it_declares() -> None:
    imported = {
        name for path in (CLIENT / "device_client").rglob("*.py") for name in _imported(path)
    }
    ours = {"device_client"} | set(sys.stdlib_module_names)
    declared = {requirement.partition(">")[0] for requirement in PROJECT["dependencies"]}
    assert imported - ours == declared


def test_the_declared_command_exists() -> None:
    module, _, function = PROJECT["scripts"]["device-client"].partition(":")
    assert callable(getattr(import_module(module), function))


def test_it_declares_that_it_is_typed() -> None:
    assert (Path(certificate.__file__).parent / "py.typed").exists()


@pytest.mark.debian
def test_it_installs_and_runs_outside_the_project(tmp_path: Path) -> None:
    shutil.copytree(CLIENT, tmp_path / "client")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    pip = [str(tmp_path / "venv/bin/python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    subprocess.run([*pip, "install", "./client"], cwd=tmp_path, check=True)
    run = subprocess.run(
        [
            *(str(tmp_path / "venv/bin/device-client"), "whoami"),
            *("--url", "https://localhost:1", "--state-dir", str(tmp_path / "device")),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (1, "cannot reach localhost:1: Connection refused\n")
    assert (tmp_path / "device/device.pem").stat().st_mode & 0o777 == 0o600
