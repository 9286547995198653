"""The command ``check``: run the conformance checks against a device door."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from device_client.api import complete_url
from device_client.atomic_files import write_private
from device_client.ca_bundle import combine_authorities
from device_client.conformance.runner import Result, run
from device_client.conformance.target import Subject


def check(options: argparse.Namespace) -> int:
    """Print a line for each check, or one JSON document; return 1 if one fails."""
    results = _run(options)
    failed = sum(not result.holds for result in results)
    if options.json:
        document = {
            "url": complete_url(options.url),
            "ok": not failed,
            "passed": len(results) - failed,
            "failed": failed,
            "checks": [result.as_json() for result in results],
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write(f"{len(results) - failed} of {len(results)} checks hold\n")
    return 1 if failed else 0


def _run(options: argparse.Namespace) -> list[Result]:
    psk = sys.stdin.readline().strip() if options.psk == "-" else options.psk
    bundle = combine_authorities(options.cacert)
    results = []
    with tempfile.TemporaryDirectory(prefix="device-check-") as name:
        folder = Path(name)
        write_private(folder / "authorities.pem", bundle)
        for result in run(Subject(options.url, psk, folder / "authorities.pem", folder)):
            results.append(result)
            if not options.json:
                sys.stdout.write(result.line() + "\n")
                sys.stdout.flush()
    return results
