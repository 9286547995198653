"""Fill a database without the network, by two processes (seed_worker.py)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.processes import CannotMeasure
from device_endpoint.env import child_environment
from ingest.uploads import Uploader


def fill(
    database_url: str,
    parts: Sequence[tuple[Uploader, Sequence[str]]],
    *,
    files: int,
    samples: int,
    first: int = 0,
) -> None:
    """Store ``files`` files of ``samples`` samples in each series, a process for each part.

    A part is whose the series are and their names; ``first`` is the number of the first sample.
    Raise ``CannotMeasure`` if that fails.
    """
    arguments = [f"--files={files}", f"--samples={samples}", f"--first={first}"]
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.seed_worker",
                *arguments,
                *_owner(uploader),
                *series,
            ],
            env=child_environment({"DATABASE_URL": database_url}),
            stderr=subprocess.PIPE,
            text=True,
        )
        for uploader, series in parts
        if series
    ]
    wait_for(running, "filling")


def _owner(uploader: Uploader) -> list[str]:
    return [f"--identity={uploader.identity_id}", f"--certificate={uploader.certificate_id}"]


def wait_for(running: Sequence[subprocess.Popen[str]], what: str) -> None:
    """Wait for processes to end well; raise ``CannotMeasure`` with their last words otherwise."""
    try:
        for process in running:
            _, errors = process.communicate()
            if process.returncode != 0:
                words = errors.strip().splitlines() or ["no reason given"]
                raise CannotMeasure(f"{what} failed: {words[-1]}")
    finally:
        for process in running:
            process.kill()
