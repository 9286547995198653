"""``python -m device_client check``: run the conformance checks against a device door."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from device_client.conformance.running import Result, run
from device_client.conformance.subject import Subject
from device_client.door import complete_url
from device_client.errors import DeviceError
from device_client.private_files import write_private
from device_client.trust import combine_authorities


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line ``arguments`` and return the exit status: 1 if a check fails."""
    options = _parser().parse_args(arguments)
    try:
        results = _check(options)
    except DeviceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
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


def _check(options: argparse.Namespace) -> list[Result]:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m device_client")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="check that a device door keeps the protocol")
    check.add_argument("--url", required=True, help="https://HOST:PORT")
    check.add_argument("--psk", required=True, help="an unused key; - reads standard input")
    check.add_argument(
        "--cacert", type=Path, action="append", default=[], help="trust this PEM file too"
    )
    check.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
