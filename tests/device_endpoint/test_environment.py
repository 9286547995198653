"""Reading of environment variables: conversion, former names, secrets, socket folders."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from device_endpoint import env


@pytest.fixture(autouse=True)
def var_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("raw", [None, "", "  "])
def test_unset_and_blank_give_the_default(monkeypatch: pytest.MonkeyPatch, raw: str | None) -> None:
    if raw is not None:
        monkeypatch.setenv("SOME_NUMBER", raw)
    assert env.read_int("SOME_NUMBER", 7) == 7


@pytest.mark.parametrize("raw", ["x", "1.5", "-1", "11"])
def test_an_invalid_number_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch, raw: str
) -> None:
    monkeypatch.setenv("SOME_NUMBER", raw)
    with pytest.raises(ImproperlyConfigured, match=r"SOME_NUMBER=.*from 0 to 10"):
        env.read_int("SOME_NUMBER", 7, 0, 10)


@pytest.mark.parametrize(("raw", "value"), [("yes", True), ("ON", True), ("0", False)])
def test_boolean_words(monkeypatch: pytest.MonkeyPatch, raw: str, value: bool) -> None:
    monkeypatch.setenv("SOME_SWITCH", raw)
    assert env.read_bool("SOME_SWITCH", not value) is value


def test_an_invalid_boolean_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SWITCH", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="SOME_SWITCH='perhaps'"):
        env.read_bool("SOME_SWITCH", True)


def test_a_list_is_split_at_commas_and_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_LIST", "a, b c,,d")
    assert env.read_list("SOME_LIST", []) == ["a", "b", "c", "d"]


def test_a_value_can_be_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mounted").write_text("from a file")
    monkeypatch.setenv("MOUNTED_SECRET_FILE", str(tmp_path / "mounted"))
    assert env.read_text("MOUNTED_SECRET") == "from a file"


@pytest.mark.parametrize("former", ["LOGIN_FAILURES", "LOGIN_FAILURES_FILE"])
def test_a_former_name_is_read_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, former: str
) -> None:
    (tmp_path / "mounted").write_text("9")
    is_file = former.endswith("_FILE")
    monkeypatch.setenv(former, str(tmp_path / "mounted") if is_file else "9")
    with pytest.warns(FutureWarning, match="LOGIN_FAILURES is now named LOGIN_FAILURE_LIMIT"):
        assert env.read_int("LOGIN_FAILURE_LIMIT", 5) == 9
    assert env.renamed_settings_in_use() == {"LOGIN_FAILURES": "LOGIN_FAILURE_LIMIT"}


def test_the_current_name_takes_precedence_over_the_former(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGIN_FAILURES", "9")
    monkeypatch.setenv("LOGIN_FAILURE_LIMIT", "7")
    assert env.read_int("LOGIN_FAILURE_LIMIT", 5) == 7


def test_an_unusable_value_is_reported_with_the_former_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_FILES", "many")
    with (
        pytest.warns(FutureWarning, match="MAX_FILES_PER_REQUEST"),
        pytest.raises(ImproperlyConfigured, match="MAX_FILES='many'"),
    ):
        env.read_int("MAX_FILES_PER_REQUEST", 5)


def test_a_secret_is_generated_once_for_its_owner_only(var_dir: Path) -> None:
    made = env.read_secret("SOME_SECRET")
    path = var_dir / "secrets" / "some_secret"
    assert len(made) >= 43
    assert env.read_secret("SOME_SECRET") == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_concurrent_processes_read_the_same_secret() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: env.read_secret("SOME_SECRET"), range(32)))
    assert len(found) == 1


def test_a_damaged_secret_is_an_error(var_dir: Path) -> None:
    (var_dir / "secrets").mkdir()
    (var_dir / "secrets" / "some_secret").write_text("short")
    with pytest.raises(ImproperlyConfigured, match="holds no secret"):
        env.read_secret("SOME_SECRET")


def test_an_unwritable_secret_names_the_settings_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "file"))
    with pytest.raises(ImproperlyConfigured, match="SOME_SECRET_FILE, or VAR_DIR"):
        env.read_secret("SOME_SECRET")


def test_a_long_var_dir_has_a_short_socket_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert env.socket_folder("run") == tmp_path / "run" / "run"
    monkeypatch.setenv("VAR_DIR", str(tmp_path / ("x" * 100)))
    short = env.socket_folder("run")
    assert len(str(short)) <= env.MAX_SOCKET_FOLDER_BYTES
    assert env.socket_folder("run") == short
    assert env.socket_folder("postgres").parent == short.parent
    monkeypatch.setenv("VAR_DIR", str(tmp_path / ("y" * 100)))
    assert env.socket_folder("run") != short


def test_the_embedded_database_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    found = env.parse_database_url(env.read_database_url())
    assert found["HOST"] == str(env.socket_folder("postgres"))
    assert (found["USER"], found["NAME"]) == ("device_endpoint", "device_endpoint")


@pytest.mark.parametrize("address", ["sqlite:///x", "mysql://a@b/c"])
def test_a_database_other_than_postgresql_is_refused(address: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="postgres://"):
        env.parse_database_url(address)
