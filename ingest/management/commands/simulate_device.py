"""Be a device: register over real mutual TLS and send files or a made-up heart rate."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from device_client.api import Door, complete_url
from device_client.ca_bundle import combine_authorities
from device_client.delivery import Deliverer
from device_client.errors import DeviceError
from device_client.filenames import split_argument
from device_client.multipart import FilePart
from device_client.renewal import Renewal, enter
from device_client.report import Report
from device_client.responses import Receipt
from device_client.retry import Patience
from device_client.schedule import Schedule
from device_client.simulator import Simulation
from device_client.state import StateFolder


def _at_least(lowest: float, convert: type[int] | type[float]) -> Any:
    def parse(text: str) -> float:
        number = convert(text)
        if not lowest <= number < 1e9:
            raise ValueError(text)
        return number

    parse.__name__ = f"(less than {lowest:g} or no number)"  # argparse: "invalid <name> value:"
    return parse


class Command(BaseCommand):
    help = (
        "Simulate a device: make a certificate, register it with a PSK and send files, or a "
        "plausible heart rate that ends now. Trusts the system's certificate authorities and "
        "this installation's own; never an unverified server."
    )
    requires_system_checks = []  # a device has no database

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--url", required=True, help="https://HOST:PORT; /device_endpoint is added if absent")
        add("--psk", default="", help="key to register with; - reads it from standard input")
        add(
            "--file",
            action="append",
            nargs="+",
            default=[],
            metavar="[NAME=]PATH",
            help="send these files, each once, instead of a heart rate; without NAME the "
            "measurement is the file's name less .csv or .txt and less a date at its end",
        )
        add(
            "--samples",
            type=_at_least(1, int),
            default=3600,
            help="heart-rate samples in each upload, one a second (default 3600)",
        )
        add(
            "--uploads",
            type=_at_least(0, int),
            default=1,
            help="how many uploads; 0 goes on until interrupted (default 1)",
        )
        add(
            "--interval",
            type=_at_least(0, float),
            default=0,
            help="least seconds between two uploads (default 0)",
        )
        add("--state-dir", type=Path, help="keep certificate and unsent files here")
        add(
            "--renew-days",
            type=_at_least(0, float),
            help="renew the certificate when fewer days than these are left, at most half of "
            "its life (default: a third of its life)",
        )
        add("--cacert", type=Path, help="trust the authorities in this PEM file too")
        add("--json", action="store_true", help="print one JSON document and nothing else")

    def handle(self, **options: Any) -> None:
        if options["json"] and options["uploads"] == 0 and not options["file"]:
            raise CommandError("--json prints when all is sent, which --uploads 0 never is.")
        report = Report()
        failure = None
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            self._run(options, report)
        except DeviceError as error:
            failure = report.failed(error)
        except KeyboardInterrupt:
            if options["uploads"] != 0:
                failure = "interrupted"
        finally:
            signal.signal(signal.SIGTERM, before)
        if options["json"]:
            self.stdout.write(json.dumps(report.document(), indent=2))
        if failure or report.refusals:
            raise CommandError(failure or "\n".join(report.refusals))

    def _run(self, options: dict[str, Any], report: Report) -> None:
        files = _read_files([item for group in options["file"] for item in group])
        psk = sys.stdin.readline().strip() if options["psk"] == "-" else options["psk"]
        complete_url(options["url"])  # before anything is made for it
        with ExitStack() as stack:
            folder = options["state_dir"] or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="device-"))
            )
            state = stack.enter_context(closing(StateFolder(folder)))
            report.certified(state.ensure_credentials())
            bundle = combine_authorities(_own_authorities(options["cacert"]))
            door = stack.enter_context(
                closing(Door(options["url"], state.credentials, state.write_authorities(bundle)))
            )
            patience = Patience()
            renewal = self._renewal(options, state, door)
            known = report.registration = enter(renewal, psk, patience)
            self._say(options, f"registered as {known.identity} ({known.certificate['sha256']})")
            renewal.attempt()
            on_receipt, on_refusal = self._listeners(options, report)
            deliverer = Deliverer(state.spool, door, known, on_receipt, on_refusal)
            if files:
                for part in files:
                    state.spool.add(part)
                patience.keep_trying(deliverer.send_pending)
                return
            simulation = self._simulation(options, state, deliverer, patience)
            simulation.before_sending = renewal.attempt
            simulation.run()

    def _renewal(self, options: dict[str, Any], state: StateFolder, door: Door) -> Renewal:
        return Renewal(
            state,
            door,
            on_renewed=lambda facts: self._say(options, f"renewed ({facts.sha256})"),
            on_trouble=lambda error: self.stderr.write(f"certificate not renewed yet: {error}"),
            days=options["renew_days"],
        )

    def _listeners(
        self, options: dict[str, Any], report: Report
    ) -> tuple[Callable[[Receipt], None], Callable[[str, Path], None]]:
        is_endless = options["uploads"] == 0

        def on_receipt(receipt: Receipt) -> None:
            self._say(options, receipt.line())
            if options["json"]:
                report.receipts.append(receipt.raw)

        def on_refusal(reason: str, kept: Path) -> None:
            text = f"{reason}\n  kept as {kept}" if options["state_dir"] else reason
            if is_endless:
                self.stderr.write(text)
            else:
                report.refusals.append(text)

        return on_receipt, on_refusal

    def _simulation(
        self,
        options: dict[str, Any],
        state: StateFolder,
        deliverer: Deliverer,
        patience: Patience,
    ) -> Simulation:
        schedule = Schedule(
            start_ms=time.time_ns() // 1_000_000,
            samples=options["samples"],
            uploads=options["uploads"],
            interval_s=options["interval"],
        )
        return Simulation(
            schedule,
            int(state.ensure_credentials().sha256[:15], 16),
            state.spool,
            deliverer,
            patience,
            on_trouble=lambda error: self.stderr.write(f"waiting: {error}"),
        )

    def _say(self, options: dict[str, Any], line: str) -> None:
        if not options["json"]:
            self.stdout.write(line)
            self.stdout.flush()


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _own_authorities(cacert: Path | None) -> list[Path]:
    own = Path(settings.VAR_DIR) / "tls" / "ca.crt"
    return [*([own] if own.exists() else []), *([cacert] if cacert else [])]


def _read_files(arguments: list[str]) -> list[FilePart]:
    parts = []
    for argument in arguments:
        try:
            name, path = split_argument(argument)
            parts.append(FilePart(name, path.name, Path(path).read_bytes()))
        except ValueError as error:
            raise DeviceError(str(error)) from error
        except OSError as error:
            raise DeviceError(f"cannot read {path}: {error.strerror}") from error
    return parts
