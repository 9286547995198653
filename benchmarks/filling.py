"""Fill a database without the network, by two processes (filler.py)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.running import CannotMeasure
from device_endpoint.environment import child_environment
from ingest.uploads import Uploader


def fill(
    database_url: str,
    uploader: Uploader,
    series: Sequence[str],
    *,
    files: int,
    samples: int,
    first: int = 0,
) -> None:
    """Store ``files`` files of ``samples`` samples in each of ``series``, from two processes.

    ``first`` is the number of the first sample. Raise ``CannotMeasure`` if that fails.
    """
    arguments = [f"--identity={uploader.identity_id}", f"--certificate={uploader.certificate_id}"]
    arguments += [f"--files={files}", f"--samples={samples}", f"--first={first}"]
    environment = child_environment({"DATABASE_URL": database_url})
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.filler", *arguments, *part],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in (series[0::2], series[1::2])
        if part
    ]
    for process in running:
        _, errors = process.communicate()
        if process.returncode != 0:
            raise CannotMeasure(f"filling failed: {errors.strip().splitlines()[-1]}")
