"""The command ``device-client``, also run as ``python -m device_client``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from device_client import commands
from device_client.conformance import runner
from device_client.conversion import command as conversion
from device_client.errors import DeviceError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line ``arguments`` and return the exit status.

    0: success; 1: a file or a check failed, or files still wait; 2: the command could not run.
    """
    options = _build_parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except DeviceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return status


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="device-client")
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    send = subcommands.add_parser("send", help="send files, and files that wait from earlier runs")
    send.set_defaults(run=commands.send)
    whoami = subcommands.add_parser("whoami", help="show this device's identity and certificate")
    whoami.set_defaults(run=commands.whoami)
    check = subcommands.add_parser("check", help="check that a device API follows the protocol")
    check.set_defaults(run=runner.check)
    convert = subcommands.add_parser(
        "convert", help="convert loggers' exports to measurement files"
    )
    convert.set_defaults(run=conversion.convert)
    _add_convert_options(convert)
    for command in (send, whoami, check):
        command.add_argument("--url", required=True, help="https://HOST:PORT")
        command.add_argument(
            "--cacert",
            type=Path,
            action="append",
            default=[],
            help="trust the certificate authorities in this PEM file too",
        )
        command.add_argument("--json", action="store_true", help="print one JSON document")
    for command in (send, whoami):
        command.add_argument(
            "--state-dir",
            type=Path,
            required=True,
            help="folder of the device's key, certificate and waiting files",
        )
    _add_send_options(send)
    check.add_argument(
        "--psk", required=True, help="an unused pre-shared key; - reads standard input"
    )
    return parser


def _add_convert_options(convert: argparse.ArgumentParser) -> None:
    convert.add_argument(
        "files",
        nargs="+",
        metavar="[NAME=]PATH",
        help="exports of Empatica E4, ActiGraph and Axivity, and others of a time and values",
    )
    convert.add_argument("--to", type=Path, required=True, help="folder of the measurement files")
    convert.add_argument("--json", action="store_true", help="print one JSON document")
    conversion.add_options(convert)


def _add_send_options(send: argparse.ArgumentParser) -> None:
    send.add_argument(
        "files",
        nargs="*",
        metavar="[NAME=]PATH",
        help="without NAME, the measurement's name is the file name without .csv, .txt and date",
    )
    send.add_argument(
        "--convert",
        action="store_true",
        help="the files are exports of loggers: convert them first",
    )
    conversion.add_options(send)
    send.add_argument(
        "--psk",
        default="",
        help="pre-shared key for the first registration; - reads standard input",
    )
    send.add_argument(
        "--patience",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="longest total wait for a server that is busy or unreachable (600)",
    )
    send.add_argument(
        "--renew-days",
        type=float,
        metavar="DAYS",
        help="renew the certificate when fewer days remain (a third of its lifetime)",
    )


if __name__ == "__main__":
    sys.exit(main())
