"""Fill a database without the network, through ``ingest.uploads.store_files``.

``fill`` starts ``python -m benchmarks.seed`` for each device. TLS, HTTP and the resolution of the
certificate are left out.
"""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

import django

if __name__ == "__main__":
    django.setup()

from django.conf import settings

from benchmarks.workloads import acceleration_lines, csv_lines, generate_files
from benchmarks.workspace import CannotMeasure
from device_endpoint.env import child_environment
from ingest.parsing.samples import TimeWindow
from ingest.uploads import UploadedFile, Uploader, UploadLimits, file_limits, store_files

WRITERS = {"heart-rate": csv_lines, "acceleration": acceleration_lines}


def fill(
    database_url: str,
    parts: Sequence[tuple[Uploader, Sequence[str]]],
    *,
    files: int,
    samples: int,
    first: int = 0,
    kind: str = "heart-rate",
) -> None:
    """Store ``files`` files of ``samples`` samples in each series, one process for each part.

    A part is an uploader and the names of its series; ``first`` is the number of the first
    sample, ``kind`` a key of ``WRITERS``. Raise ``CannotMeasure`` if a process fails.
    """
    command = [sys.executable, "-m", "benchmarks.seed", f"--kind={kind}"]
    command += [f"--files={files}", f"--samples={samples}", f"--first={first}"]
    run_together(
        [
            [
                *command,
                f"--identity={uploader.identity_id}",
                f"--certificate={uploader.certificate_id}",
                *series,
            ]
            for uploader, series in parts
            if series
        ],
        database_url,
    )


def run_together(commands: Sequence[list[str]], database_url: str) -> None:
    """Run commands on a database at the same time; raise ``CannotMeasure`` if one fails."""
    processes = [
        subprocess.Popen(
            command,
            env=child_environment({"DATABASE_URL": database_url}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    try:
        for process, command in zip(processes, commands, strict=True):
            _, errors = process.communicate()
            if process.returncode != 0:
                lines = errors.strip().splitlines() or ["no reason given"]
                raise CannotMeasure(f"{command[2]} failed: {lines[-1]}")
    finally:
        for process in processes:
            process.kill()


def _store(options: Namespace) -> None:
    uploader = Uploader(options.identity, options.certificate)
    window = TimeWindow(0, time.time_ns() // 1_000_000)
    limits = UploadLimits(file_limits(), settings.MAX_HOURS_PER_REQUEST)
    for name in options.series:
        write = WRITERS[options.kind]
        for content in generate_files(options.files, options.samples, write, options.first):
            file = UploadedFile(name, f"{name}.csv", "text/csv", content)
            (receipt,) = store_files(uploader, [file], window, limits)
            if receipt.status != "stored":
                raise SystemExit(f"a file was not stored: {receipt}")


def _parse_options() -> Namespace:
    parser = ArgumentParser(description="Fill a database for `make bench`.")
    for name in ("identity", "certificate", "files", "samples", "first"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--kind", choices=WRITERS, required=True)
    parser.add_argument("series", nargs="+")
    return parser.parse_args()


if __name__ == "__main__":
    _store(_parse_options())
