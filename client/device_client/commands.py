"""The commands ``send`` and ``whoami``: one run of a device, started by hand, cron or a timer.

Files are in the spool, on disk, before the first request. Whatever happens then, the next run
continues from the state on disk.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from device_client.api import DeviceApi, Registration, complete_url
from device_client.certificate import CertificateFacts, combine_authorities
from device_client.conversion.command import Options, read_converted
from device_client.delivery import Deliverer
from device_client.errors import DeviceError, ProblemResponse
from device_client.filenames import split_argument
from device_client.multipart import FilePart
from device_client.progress_bar import ProgressBar
from device_client.renewal import Renewal
from device_client.responses import Receipt
from device_client.retry import RetryPolicy
from device_client.state import StateFolder


@dataclass
class Report:
    """The results of a run, printed as one JSON document with ``--json``."""

    registration: Registration | None = None
    certificate: dict[str, object] = field(default_factory=dict)
    receipts: list[dict[str, object]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    error: dict[str, object] | None = None

    def add_certificate(self, facts: CertificateFacts) -> None:
        """Put the certificate file of the device into the report, for a run without an answer."""
        not_after = facts.not_after.isoformat().replace("+00:00", "Z")
        self.certificate = {"sha256": facts.sha256, "not_after": not_after}

    def add_error(self, error: DeviceError) -> str:
        """Record ``error``, as the server's own problem if it sent one; return it as text."""
        self.error = {"title": str(error)}
        if not isinstance(error, ProblemResponse):
            return str(error)
        self.error = error.problem.raw or self.error
        return f"the server refused: {error.problem.explain()}"

    def document(self) -> dict[str, object]:
        """Return ``{"identity", "certificate", "receipts", "refusals", "error"}``."""
        known = self.registration
        return {
            "identity": known.identity if known else None,
            "certificate": known.certificate if known else self.certificate,
            "receipts": self.receipts,
            "refusals": self.refusals,
            "error": self.error,
        }


@contextmanager
def open_device(
    url: str, state_dir: Path, authorities: Sequence[Path]
) -> Iterator[tuple[StateFolder, DeviceApi]]:
    """Open the device's folder, with a certificate in it, and a client of the server at ``url``."""
    complete_url(url)  # raise for an invalid address before any file is created
    bundle = combine_authorities(authorities)
    with closing(StateFolder(state_dir)) as state:
        state.ensure_credentials()
        with closing(DeviceApi(url, state.credentials, state.write_authorities(bundle))) as api:
            yield state, api


@contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` on SIGTERM, so that both signals end the run cleanly."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def read_psk(option: str) -> str:
    """Return the pre-shared key that ``--psk`` has, or a line of standard input for ``-``."""
    return sys.stdin.readline().strip() if option == "-" else option


def read_files(arguments: Sequence[str]) -> Iterator[FilePart]:
    """Read the files of arguments ``[NAME=]PATH``, each only when it is needed.

    Derives every name first, so that an invalid one raises ``DeviceError`` before any file is read.
    """
    try:
        named = [split_argument(argument) for argument in arguments]
    except ValueError as error:
        raise DeviceError(str(error)) from error
    return (_read_file(name, Path(path)) for name, path in named)


def _read_file(name: str, path: Path) -> FilePart:
    try:
        return FilePart(name, path.name, path.read_bytes())
    except OSError as error:
        raise DeviceError(f"cannot read {path}: {error.strerror}") from error


def whoami(options: argparse.Namespace) -> int:
    """Print this device's registration and the number of waiting files; change nothing there."""
    report = Report()
    with open_device(options.url, options.state_dir, options.cacert) as (state, api):
        report.add_certificate(state.ensure_credentials())
        waiting = len(state.spool.list_pending())
        failure = ""
        try:
            report.registration = api.whoami()
        except DeviceError as error:
            failure = report.add_error(error)
    known = report.registration
    if options.json:
        document = (
            known.raw if known else {"certificate": report.certificate, "error": report.error}
        )
        _print_json({**document, "waiting": waiting})
    elif known:
        print(known.format_line())  # noqa: T201
        print(f"{waiting} waiting in {state.spool.folder}")  # noqa: T201
    return _print_failure(failure)


def send(options: argparse.Namespace) -> int:
    """Add the files to the spool, then send all that wait; return 1 unless all were received."""
    report = Report()
    psk = read_psk(options.psk)
    if options.convert:
        files = read_converted(options.files, Options.parse(options))
    else:
        files = read_files(options.files)
    failure = ""
    with (
        interrupt_on_sigterm(),
        open_device(options.url, options.state_dir, options.cacert) as (state, api),
    ):
        report.add_certificate(state.ensure_credentials())
        try:
            for part in files:
                state.spool.add(part)
            _deliver(options, psk, state, api, report)
        except DeviceError as error:
            failure = report.add_error(error)
        except KeyboardInterrupt:
            failure = "interrupted"
        waiting = len(state.spool.list_pending())
        if waiting:
            failure += f"\n{waiting} waiting in {state.spool.folder}: the next `send` continues"
    if options.json:
        _print_json({**report.document(), "waiting": waiting})
    return _print_failure("\n".join([*report.refusals, *([failure] if failure else [])]))


def _deliver(
    options: argparse.Namespace, psk: str, state: StateFolder, api: DeviceApi, report: Report
) -> None:
    progress = ProgressBar(sys.stderr, sum(file.size for file in state.spool.list_pending()))

    def print_line(line: str) -> None:
        progress.clear()
        if not options.json:
            print(line, flush=True)  # noqa: T201

    def on_renewal_error(error: DeviceError) -> None:
        progress.clear()
        sys.stderr.write(f"certificate not renewed yet: {error}\n")

    def on_receipt(receipt: Receipt) -> None:
        report.receipts.append(receipt.raw)
        print_line(receipt.format_line())

    def on_refusal(reason: str, kept: Path) -> None:
        report.refusals.append(f"{reason}\n  kept as {kept}")

    retry_policy = RetryPolicy(max_wait_seconds=options.patience)
    renewal = Renewal(
        state,
        api,
        lambda facts: print_line(f"renewed ({facts.sha256})"),
        on_renewal_error,
        options.renew_days,
    )
    known = report.registration = renewal.ensure_registered(psk, retry_policy)
    print_line(known.format_line())
    renewal.attempt_renewal()
    deliverer = Deliverer(state.spool, api, known, on_receipt, on_refusal, progress.add_done)
    if sys.stderr.isatty():
        api.on_sent = progress.show_sent
    try:
        retry_policy.run(deliverer.send_pending)
    finally:
        progress.clear()


def _print_json(document: dict[str, object]) -> None:
    print(json.dumps(document, indent=2), flush=True)  # noqa: T201


def _print_failure(failure: str) -> int:
    if failure:
        sys.stderr.write(failure.strip() + "\n")
    return 1 if failure else 0
