"""The folder of a test run goes with the run, also if that is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from device_endpoint.env import PROJECT_DIR
from tests.support.run_folder import remove_if_left

RUN = """
from tests.support.run_folder import make_run_folder
print(make_run_folder(), flush=True)
input()
"""


def test_the_folder_of_a_killed_run_is_removed() -> None:
    command = [sys.executable, "-c", RUN]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": PROJECT_DIR}
    with subprocess.Popen(command, text=True, **pipes) as run:  # type: ignore[call-overload]
        folder = Path(run.stdout.readline().strip())
        remove_if_left(folder)
        assert folder.is_dir(), "it is running"
        run.kill()
    remove_if_left(folder)
    assert not folder.exists()


def test_a_run_that_ends_removes_its_folder() -> None:
    run = subprocess.run(
        [sys.executable, "-c", RUN], input="\n", capture_output=True, text=True, cwd=PROJECT_DIR,
        check=True,
    )  # fmt: skip
    assert not Path(run.stdout.strip()).exists()
