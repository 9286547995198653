"""Fill a database: ``python -m benchmarks.seed_worker``, a process of its own.

Files go through ``ingest.uploads.receive``, as they do at the door; only TLS, HTTP and the
look-up of the certificate are left out. ``DATABASE_URL`` names the database.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace

import django

django.setup()

from django.conf import settings  # noqa: E402 - models come after the set-up

from benchmarks.workloads import csv, files  # noqa: E402
from ingest.parsing.sample_file import TimeWindow  # noqa: E402
from ingest.uploads import UploadedFile, Uploader, store_files  # noqa: E402


def main(options: Namespace) -> None:
    """Store the files that the command line asks for."""
    uploader = Uploader(options.identity, options.certificate)
    window = TimeWindow(0, time.time_ns() // 1_000_000)
    for name in options.series:
        for content in files(options.files, options.samples, csv, options.first):
            file = UploadedFile(name, f"{name}.csv", "text/csv", content)
            (receipt,) = store_files(uploader, [file], window, settings.MAX_LINES_PER_FILE)
            if receipt.status != "stored":
                raise SystemExit(f"a file was not stored: {receipt}")


def _options() -> Namespace:
    parser = ArgumentParser(description="Fill a database for `make bench`.")
    for name in ("identity", "certificate", "files", "samples", "first"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("series", nargs="+")
    return parser.parse_args()


if __name__ == "__main__":
    main(_options())
