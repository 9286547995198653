"""The installation of ``make`` says how far it is, and why it failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.install_packages import describe_progress, main


def test_each_package_has_its_number() -> None:
    lines = [
        "Collecting django==5.2 (from -r requirements/demo.txt (line 1))",
        "  Downloading django-5.2-py3-none-any.whl (8.3 MB)",
        "Requirement already satisfied: numpy==2.3 in ./.venv (from -r x)",
        "Installing collected packages: django",
    ]
    assert list(describe_progress(lines, 2)) == [
        "1 of 2: django", "2 of 2: numpy", "2 of 2: unpacking",
    ]  # fmt: skip


def test_a_failure_shows_what_pip_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("no such name==1\n")
    assert main(str(lock)) != 0
    assert "Invalid requirement" in capsys.readouterr().err
