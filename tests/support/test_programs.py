"""``run_program`` runs a program as a shell would: status, streams, folder and environment."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.programs import MAX_SECONDS, PROJECT_DIR, run_program
from tests.support.stack import clean_environment


def run_code(code: str, *arguments: str, text: str = "", **added: str) -> tuple[int, str, str]:
    """Return status, output and the last line of errors of a program."""
    environment = clean_environment(**added)
    run = run_program("-c", code, *arguments, environment=environment, text=text)
    return run.returncode, run.stdout, run.stderr.strip().rpartition("\n")[2]


def test_the_status_is_that_of_the_program() -> None:
    assert run_code("") == (0, "", "")
    assert run_code("import sys; sys.exit(3)") == (3, "", "")
    assert run_code("import sys; sys.exit('no disk')") == (1, "", "no disk")
    assert run_code("print('begun'); 1 / 0") == (
        1,
        "begun\n",
        "ZeroDivisionError: division by zero",
    )
    assert run_code("import os; os.kill(os.getpid(), 9)") == (-9, "", "")


def test_a_program_that_never_ends_is_killed() -> None:
    status, left, _ = run_code("import signal; print(signal.alarm(0))")
    assert status == 0
    assert MAX_SECONDS - 60 < int(left) <= MAX_SECONDS
    ending = "import signal; signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()"
    assert run_code(ending) == (-14, "", "")


def test_arguments_and_standard_input_are_its_own() -> None:
    code = "import sys; print(sys.argv[1:], sys.stdin.read())"
    assert run_code(code, "--of", "ward 1", text="a line") == (0, "['--of', 'ward 1'] a line\n", "")
    assert run_code(code) == (0, "[] \n", "")  # nothing is left of the program before


def test_the_environment_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "only_here.py").write_text("PLACE = 'found'\n")
    code = "import os, only_here; print(only_here.PLACE, os.environ.get('WARD'))"
    assert run_code(code, PYTHONPATH=str(tmp_path), WARD="1") == (0, "found 1\n", "")
    missing = "ModuleNotFoundError: No module named 'only_here'"
    assert run_code(code, WARD="1") == (1, "", missing)


def test_a_copy_finds_nothing_that_only_the_project_has(tmp_path: Path) -> None:
    shutil.copytree(PROJECT_DIR / "identities", tmp_path / "identities")
    code = "import os, identities; print(os.getcwd(), identities.__file__)\nimport {}"
    for missing in ("ingest", "tests", "tests.support.programs"):
        run = run_program("-c", code.format(missing), environment={}, folder=tmp_path)
        assert run.stdout == f"{tmp_path} {tmp_path}/identities/__init__.py\n"
        name = missing.partition(".")[0]
        assert run.stderr.endswith(f"No module named '{name}'\n")
    run = run_program("-c", "import ingest, tests.support.programs", environment={})
    assert run.returncode == 0, run.stderr
