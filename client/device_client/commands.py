"""The commands ``send`` and ``whoami``: a device that is run whenever it has something to send.

Files are in the spool, safely, before the server is asked for anything. Whatever happens then, the
next run goes on from what is on disk.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePath
from types import FrameType
from typing import NoReturn

from device_client.api import Door, complete_url
from device_client.ca_bundle import combine_authorities
from device_client.delivery import Deliverer
from device_client.errors import DeviceError
from device_client.filenames import split_argument
from device_client.multipart import FilePart
from device_client.progress_bar import Progress
from device_client.renewal import Renewal, enter
from device_client.report import Report
from device_client.responses import Receipt
from device_client.retry import Patience
from device_client.spool import Spool
from device_client.state import StateFolder


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[StateFolder, Door]]:
    complete_url(options.url)  # before anything is made for it
    bundle = combine_authorities(options.cacert)
    with closing(StateFolder(options.state_dir)) as state:
        state.ensure_credentials()
        authorities = state.write_authorities(bundle)
        with closing(Door(options.url, state.credentials, authorities)) as door:
            yield state, door


def whoami(options: argparse.Namespace) -> int:
    """Print whom the server takes this device for and how many files wait; change nothing there."""
    report = Report()
    with _opened(options) as (state, door):
        report.certified(state.ensure_credentials())
        waiting = len(state.spool.pending())
        failure = ""
        try:
            report.registration = door.whoami()
        except DeviceError as error:
            failure = report.failed(error)
    known, certificate = report.registration, report.document()["certificate"]
    if options.json:
        found = {"certificate": certificate, "error": report.error} if known is None else known.raw
        _print_json({**found, "waiting": waiting})
    elif known:
        print(f"{known.identity}, certificate {known.certificate.get('sha256')}")  # noqa: T201
        print(f"{waiting} waiting in {state.spool.folder}")  # noqa: T201
    return _fail(failure)


def send(options: argparse.Namespace) -> int:
    """Put the files into the spool, then send all that waits; return 1 unless all was received."""
    report = Report()
    psk = sys.stdin.readline().strip() if options.psk == "-" else options.psk
    files = _named(options.files)
    failure = ""
    with _ended_by_sigterm(), _opened(options) as (state, door):
        report.certified(state.ensure_credentials())
        try:
            _add(files, state.spool)
            _deliver(options, psk, state, door, report)
        except DeviceError as error:
            failure = report.failed(error)
        except KeyboardInterrupt:
            failure = "interrupted"
        waiting = len(state.spool.pending())
        if waiting:
            failure += f"\n{waiting} waiting in {state.spool.folder}: `send` goes on with them"
    if options.json:
        _print_json({**report.document(), "waiting": waiting})
    return _fail("\n".join([*report.refusals, *([failure] if failure else [])]))


def _deliver(
    options: argparse.Namespace, psk: str, state: StateFolder, door: Door, report: Report
) -> None:
    progress = Progress(sys.stderr, sum(item.size for item in state.spool.pending()))

    def say(line: str) -> None:
        progress.clear()
        if not options.json:
            print(line, flush=True)  # noqa: T201

    def trouble(error: DeviceError) -> None:
        progress.clear()
        sys.stderr.write(f"certificate not renewed yet: {error}\n")

    def received(receipt: Receipt) -> None:
        report.receipts.append(receipt.raw)
        say(receipt.line())

    def refused(reason: str, kept: Path) -> None:
        report.refusals.append(f"{reason}\n  kept as {kept}")

    patience = Patience(seconds=options.patience)
    renewal = Renewal(
        state, door, lambda facts: say(f"renewed ({facts.sha256})"), trouble, options.renew_days
    )
    known = report.registration = enter(renewal, psk, patience)
    say(f"registered as {known.identity} ({known.certificate.get('sha256')})")
    renewal.attempt()
    deliverer = Deliverer(state.spool, door, known, received, refused, progress.settled)
    if sys.stderr.isatty():
        door.on_sent = progress.sent
    try:
        patience.keep_trying(deliverer.send_pending)
    finally:
        progress.clear()


def _named(arguments: list[str]) -> list[tuple[str, PurePath]]:
    try:
        return [split_argument(argument) for argument in arguments]
    except ValueError as error:
        raise DeviceError(str(error)) from error


def _add(files: list[tuple[str, PurePath]], spool: Spool) -> None:
    for name, path in files:
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise DeviceError(f"cannot read {path}: {error.strerror}") from error
        spool.add(FilePart(name, path.name, content))


def _print_json(document: dict[str, object]) -> None:
    print(json.dumps(document, indent=2), flush=True)  # noqa: T201


def _fail(failure: str) -> int:
    if failure:
        sys.stderr.write(failure.strip() + "\n")
    return 1 if failure else 0


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
