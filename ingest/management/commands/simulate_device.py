"""Simulate a device: register over mutual TLS and send files or a synthetic heart rate."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from device_client.api import DeviceApi
from device_client.commands import (
    Report,
    interrupt_on_sigterm,
    open_device,
    read_files,
    read_psk,
)
from device_client.delivery import Deliverer
from device_client.errors import DeviceError
from device_client.renewal import Renewal
from device_client.responses import Receipt
from device_client.retry import RetryPolicy
from device_client.simulator import Schedule, Simulation
from device_client.state import StateFolder


def _number_from(minimum: float, convert: type[int] | type[float]) -> Any:
    """Return a parser of option values of at least ``minimum``."""

    def parse(text: str) -> float:
        number = convert(text)
        if not minimum <= number < 1e9:
            raise ValueError(text)
        return number

    # argparse puts the name into its message: "invalid <name> value:"
    parse.__name__ = f"(less than {minimum:g} or no number)"
    return parse


class Command(BaseCommand):
    help = (
        "Simulate a device: make a certificate, register it with a pre-shared key and send files, "
        "or a synthetic heart rate that ends now. Trusts the system's certificate authorities and "
        "this installation's own; never sends anything to an unverified server."
    )
    requires_system_checks = []  # a device has no database

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--url", required=True, help="https://HOST:PORT; /device_endpoint is added if absent")
        add("--psk", default="", help="pre-shared key for registration; - reads standard input")
        add(
            "--file",
            action="append",
            nargs="+",
            default=[],
            metavar="[NAME=]PATH",
            help="send these files, each once, instead of a heart rate; without NAME, the "
            "measurement's name is the file name without .csv, .txt and date",
        )
        add(
            "--samples",
            type=_number_from(1, int),
            default=3600,
            help="heart-rate samples in each upload, one a second (default 3600)",
        )
        add(
            "--uploads",
            type=_number_from(0, int),
            default=1,
            help="number of uploads; 0 continues until interrupted (default 1)",
        )
        add(
            "--interval",
            type=_number_from(0, float),
            default=0,
            help="minimum seconds between two uploads (default 0)",
        )
        add(
            "--acceleration",
            type=_number_from(0, int),
            default=0,
            metavar="HERTZ",
            help="also send three-axis acceleration of this rate, as acc.x, acc.y and acc.z",
        )
        self._add_certificate_arguments(parser)

    @staticmethod
    def _add_certificate_arguments(parser: CommandParser) -> None:
        add = parser.add_argument
        add("--state-dir", type=Path, help="keep the certificate and unsent files in this folder")
        add(
            "--renew-days",
            type=_number_from(0, float),
            help="renew the certificate when fewer days remain, at most half of its lifetime "
            "(default: a third of its lifetime)",
        )
        add("--cacert", type=Path, help="trust the certificate authorities in this PEM file too")
        add("--json", action="store_true", help="print one JSON document and nothing else")

    def handle(self, **options: Any) -> None:
        if options["json"] and options["uploads"] == 0 and not options["file"]:
            raise CommandError("--json prints at the end, which --uploads 0 never reaches.")
        report = Report()
        failure = None
        try:
            with interrupt_on_sigterm():
                self._run(options, report)
        except DeviceError as error:
            failure = report.add_error(error)
        except KeyboardInterrupt:
            if options["uploads"] != 0:
                failure = "interrupted"
        if options["json"]:
            self.stdout.write(json.dumps(report.document(), indent=2))
        if failure or report.refusals:
            raise CommandError(failure or "\n".join(report.refusals))

    def _run(self, options: dict[str, Any], report: Report) -> None:
        files = list(read_files([item for group in options["file"] for item in group]))
        psk = read_psk(options["psk"])
        with ExitStack() as stack:
            folder = options["state_dir"] or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="device-"))
            )
            authorities = _list_authorities(options["cacert"])
            state, api = stack.enter_context(open_device(options["url"], folder, authorities))
            report.add_certificate(state.ensure_credentials())
            retry_policy = RetryPolicy()
            renewal = self._make_renewal(options, state, api)
            known = report.registration = renewal.ensure_registered(psk, retry_policy)
            self._print_line(options, known.format_line())
            renewal.attempt_renewal()
            on_receipt, on_refusal = self._make_callbacks(options, report)
            deliverer = Deliverer(state.spool, api, known, on_receipt, on_refusal)
            if files:
                for part in files:
                    state.spool.add(part)
                retry_policy.run(deliverer.send_pending)
                return
            simulation = self._make_simulation(options, state, deliverer, retry_policy)
            simulation.before_sending = renewal.attempt_renewal
            simulation.run()

    def _make_renewal(self, options: dict[str, Any], state: StateFolder, api: DeviceApi) -> Renewal:
        return Renewal(
            state,
            api,
            on_renewed=lambda facts: self._print_line(options, f"renewed ({facts.sha256})"),
            on_error=lambda error: self.stderr.write(f"certificate not renewed yet: {error}"),
            days=options["renew_days"],
        )

    def _make_callbacks(
        self, options: dict[str, Any], report: Report
    ) -> tuple[Callable[[Receipt], None], Callable[[str, Path], None]]:
        is_endless = options["uploads"] == 0

        def on_receipt(receipt: Receipt) -> None:
            self._print_line(options, receipt.format_line())
            if options["json"]:
                report.receipts.append(receipt.raw)

        def on_refusal(reason: str, kept: Path) -> None:
            text = f"{reason}\n  kept as {kept}" if options["state_dir"] else reason
            if is_endless:
                self.stderr.write(text)
            else:
                report.refusals.append(text)

        return on_receipt, on_refusal

    def _make_simulation(
        self,
        options: dict[str, Any],
        state: StateFolder,
        deliverer: Deliverer,
        retry_policy: RetryPolicy,
    ) -> Simulation:
        schedule = Schedule(
            start_ms=time.time_ns() // 1_000_000,
            samples=options["samples"],
            uploads=options["uploads"],
            interval_seconds=options["interval"],
        )
        return Simulation(
            schedule,
            int(state.ensure_credentials().sha256[:15], 16),
            state.spool,
            deliverer,
            retry_policy,
            on_error=lambda error: self.stderr.write(f"waiting: {error}"),
            acceleration_hz=options["acceleration"],
        )

    def _print_line(self, options: dict[str, Any], line: str) -> None:
        if not options["json"]:
            self.stdout.write(line)
            self.stdout.flush()


def _list_authorities(cacert: Path | None) -> list[Path]:
    own = Path(settings.VAR_DIR) / "tls" / "ca.crt"
    return [*([own] if own.exists() else []), *([cacert] if cacert else [])]
