"""``manage.py up`` that cannot start: one line with the reason, exit status 1."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from device_endpoint.supervisor import folders
from device_endpoint.supervisor.process import CannotStartError
from tests.support.stack import Stack


def assert_one_line(stack: Stack, *parts: str, **environment: str) -> None:
    stack.environment |= environment
    run = stack.manage("up")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1), run.stderr
    for part in parts:
        assert part in run.stderr


@pytest.fixture
def new_stack(tmp_path: Path) -> Stack:
    """Give a stack that has not been started; its database is never used."""
    return Stack(tmp_path)


@pytest.mark.parametrize(("name", "address"), [("DEVICE_PORT", "127.0.0.1"), ("STAFF_PORT", "::1")])
def test_a_port_in_use_is_named(new_stack: Stack, name: str, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as taken:
        taken.bind((address, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert_one_line(new_stack, f"{name}={port}", address, "already in use", **{name: port})


def test_the_two_ports_must_differ(new_stack: Stack) -> None:
    assert_one_line(new_stack, "must differ", STAFF_PORT=str(new_stack.device_port))


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEVICE_PORT", "seven"), ("STAFF_PORT", "70000"), ("DURABILITY_CHECK", "perhaps")],
)
def test_an_unusable_setting_is_named(new_stack: Stack, name: str, value: str) -> None:
    assert_one_line(new_stack, name, value, "expected", **{name: value})


def test_an_address_of_another_machine_is_named(new_stack: Stack) -> None:
    assert_one_line(new_stack, "LISTEN", "192.0.2.1", LISTEN="192.0.2.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [("NGINX_BINARY", "/nowhere/nginx"), ("POSTGRES_BIN_DIR", "/nowhere/bin")],
)
def test_a_missing_program_is_named(new_stack: Stack, name: str, value: str) -> None:
    assert_one_line(new_stack, name, value, **{name: value})


def test_a_folder_that_cannot_be_created_is_named(new_stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_one_line(new_stack, "VAR_DIR", VAR_DIR=str(tmp_path / "file" / "var"))


def test_a_path_that_nginx_cannot_quote_is_named(new_stack: Stack, tmp_path: Path) -> None:
    assert_one_line(new_stack, "cannot be written into nginx", VAR_DIR=str(tmp_path / "a$b"))


def test_data_of_another_version_is_named(new_stack: Stack) -> None:
    data = new_stack.var_dir / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    assert_one_line(new_stack, str(data), "created by PostgreSQL 9", "VAR_DIR")


def test_a_database_that_is_not_there_is_one_line(new_stack: Stack, tmp_path: Path) -> None:
    address = f"postgres://somebody@{str(tmp_path).replace('/', '%2F')}/nothing"
    assert_one_line(new_stack, "database", DATABASE_URL=address)


def test_a_folder_of_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(CannotStartError, match=r"created by another user .*another VAR_DIR"):
        folders.make_folders(tmp_path)
