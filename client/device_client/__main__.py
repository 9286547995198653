"""The command ``device-client`` (``python -m device_client``): send files, ask, check a server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from device_client import checking, commands
from device_client.errors import DeviceError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line ``arguments`` and return the exit status.

    0: all is well; 1: a file or a check failed, or files still wait; 2: it could not be tried.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except DeviceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="device-client")
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    send = subcommands.add_parser("send", help="send files, and what waits from before")
    send.set_defaults(run=commands.send)
    whoami = subcommands.add_parser("whoami", help="ask the server who this device is")
    whoami.set_defaults(run=commands.whoami)
    check = subcommands.add_parser("check", help="check that a device door keeps the protocol")
    check.set_defaults(run=checking.check)
    for command in (send, whoami, check):
        command.add_argument("--url", required=True, help="https://HOST:PORT")
        command.add_argument(
            "--cacert", type=Path, action="append", default=[], help="trust this PEM file too"
        )
        command.add_argument("--json", action="store_true", help="print one JSON document")
    for command in (send, whoami):
        command.add_argument(
            "--state-dir", type=Path, required=True, help="the device's key, certificate and files"
        )
    _add_options_of_send(send)
    check.add_argument("--psk", required=True, help="an unused key; - reads standard input")
    return parser


def _add_options_of_send(send: argparse.ArgumentParser) -> None:
    send.add_argument(
        "files",
        nargs="*",
        metavar="[NAME=]PATH",
        help="without NAME the measurement is the file's name less .csv or .txt and less a date",
    )
    send.add_argument(
        "--psk", default="", help="key to register with, the first time; - reads standard input"
    )
    send.add_argument(
        "--patience",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="how long to wait in all for a server that is busy or away (600)",
    )
    send.add_argument(
        "--renew-days",
        type=float,
        metavar="DAYS",
        help="renew the certificate when fewer days are left (a third of its life)",
    )


if __name__ == "__main__":
    sys.exit(main())
