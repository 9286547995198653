"""The environment: what is read, what is refused by name, where secrets and sockets live."""

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
def test_a_number_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("SOME_NUMBER", raw)
    with pytest.raises(ImproperlyConfigured, match=r"SOME_NUMBER=.*from 0 to 10"):
        env.read_int("SOME_NUMBER", 7, 0, 10)


@pytest.mark.parametrize(("raw", "value"), [("yes", True), ("ON", True), ("0", False)])
def test_truth_has_several_words(monkeypatch: pytest.MonkeyPatch, raw: str, value: bool) -> None:
    monkeypatch.setenv("SOME_SWITCH", raw)
    assert env.read_bool("SOME_SWITCH", not value) is value


def test_a_word_that_is_neither_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SWITCH", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="SOME_SWITCH='perhaps'"):
        env.read_bool("SOME_SWITCH", True)


def test_a_list_is_split_at_commas_and_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_LIST", "a, b c,,d")
    assert env.read_list("SOME_LIST", []) == ["a", "b", "c", "d"]


def test_a_file_may_hold_the_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mounted").write_text("from a file")
    monkeypatch.setenv("MOUNTED_SECRET_FILE", str(tmp_path / "mounted"))
    assert env.read_text("MOUNTED_SECRET") == "from a file"


def test_a_secret_is_made_once_and_for_its_owner_only(var_dir: Path) -> None:
    made = env.read_secret("SOME_SECRET")
    path = var_dir / "secrets" / "some_secret"
    assert len(made) >= 43
    assert env.read_secret("SOME_SECRET") == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_processes_that_start_at_once_agree_on_a_secret() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: env.read_secret("SOME_SECRET"), range(32)))
    assert len(found) == 1


def test_a_damaged_secret_is_an_error(var_dir: Path) -> None:
    (var_dir / "secrets").mkdir()
    (var_dir / "secrets" / "some_secret").write_text("short")
    with pytest.raises(ImproperlyConfigured, match="holds no secret"):
        env.read_secret("SOME_SECRET")


def test_a_secret_that_cannot_be_kept_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "file"))
    with pytest.raises(ImproperlyConfigured, match="SOME_SECRET_FILE, or VAR_DIR"):
        env.read_secret("SOME_SECRET")


def test_a_long_path_has_its_sockets_in_a_short_private_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert env.socket_folder("run") == tmp_path / "run" / "run"
    monkeypatch.setenv("VAR_DIR", str(tmp_path / ("x" * 100)))
    short = env.socket_folder("run")
    assert len(str(short)) <= env.MAX_SOCKET_FOLDER
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
def test_another_kind_of_database_is_refused(address: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="postgres://"):
        env.parse_database_url(address)
