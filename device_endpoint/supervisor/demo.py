"""``up --demo``: three simulated devices that register once and keep sending, and curl commands."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.utils import timezone

from device_endpoint import server_certificate
from device_endpoint.env import PROJECT_DIR
from device_endpoint.supervisor.bootstrap import public_url
from device_endpoint.supervisor.process import (
    CannotStartError,
    ProgramSpec,
    wrap_with_pdeathsig,
)
from identities.credentials import get_or_create_identity, issue_psk
from ingest.models import DeviceCertificate

DEVICES = ("demo-1", "demo-2", "demo-3")
# One device wears an accelerometer too; its times, 62.5 ms apart, need fractions of milliseconds.
ACCELERATION_HZ = {"demo-1": 16}
# The first upload fills a chart, the next ones keep it growing.
FIRST_SAMPLES = 3600
NEXT_SAMPLES = 10
REGISTRATION_TIMEOUT_SECONDS = 60


def device_spec(name: str, log_dir: Path) -> ProgramSpec:
    """Return how to run a registered device that keeps sending."""
    return ProgramSpec(
        name=name,
        arguments=_simulate(
            name, "--samples", NEXT_SAMPLES, "--interval", NEXT_SAMPLES, "--uploads", 0
        ),
        log=log_dir / f"{name}.log",
        hurry_signal=signal.SIGKILL,
        stop_seconds=3.0,
    )


def unregistered_devices() -> list[str]:
    missing = [name for name in DEVICES if not _is_registered(name)]
    connections.close_all()
    return missing


def register_devices(missing: list[str]) -> None:
    """Register the named devices; each uploads its first hour of samples."""
    keys = {name: _new_key(name, timedelta(hours=1), "simulated device") for name in missing}
    connections.close_all()
    for name, run in [(name, _start_registering(name, keys[name])) for name in missing]:
        _, message = run.communicate(timeout=REGISTRATION_TIMEOUT_SECONDS)
        if run.returncode != 0:
            raise CannotStartError(f"{name} could not register: {message.strip()}")


def curl_lines() -> list[str]:
    """Return shell commands, with a new pre-shared key, that create and register a device."""
    psk = _new_key("my-first-identity", timedelta(days=1), "printed by the demo")
    connections.close_all()
    url = shlex.quote(f"{public_url(settings.DEVICE_PORT)}/device_endpoint")
    authority = shlex.quote(str(server_certificate.authority_path()))
    body = shlex.quote(json.dumps({"PSK": psk}))
    return [
        "d=$(mktemp -d); openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\",
        '  -days 365 -subj /CN=my-device -keyout "$d/key" -out "$d/crt" 2>/dev/null',
        f'curl --cacert {authority} --cert "$d/crt" --key "$d/key" \\',
        f"  -H 'Content-Type: application/json' -d {body} \\",
        f"  {url}",
    ]


def _state_folder(name: str) -> Path:
    return Path(settings.VAR_DIR) / "devices" / name


def _is_registered(name: str) -> bool:
    certificates = DeviceCertificate.objects.filter(
        identity__name=name, state=DeviceCertificate.State.ACTIVE
    )
    return _state_folder(name).exists() and certificates.exists()


def _new_key(identity: str, lifetime: timedelta, note: str) -> str:
    _, secret = issue_psk(
        get_or_create_identity(identity), expires_at=timezone.now() + lifetime, note=note
    )
    return secret


def _simulate(name: str, *options: object) -> list[str]:
    command = [sys.executable, "manage.py", "simulate_device"]
    command += ["--url", public_url(settings.DEVICE_PORT), "--state-dir", str(_state_folder(name))]
    command += ["--acceleration", str(ACCELERATION_HZ.get(name, 0))]
    return [*command, *map(str, options)]


def _start_registering(name: str, psk: str) -> subprocess.Popen[str]:
    _state_folder(name).mkdir(mode=0o700, parents=True, exist_ok=True)
    # Through a pipe: every user of the machine can read command lines.
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write(f"{psk}\n")
    with os.fdopen(reading) as pipe:
        return subprocess.Popen(
            wrap_with_pdeathsig(
                _simulate(name, "--psk", "-", "--samples", FIRST_SAMPLES), signal.SIGKILL, "same"
            ),
            stdin=pipe,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT_DIR,
            start_new_session=True,
        )
