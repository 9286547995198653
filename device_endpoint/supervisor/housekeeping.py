"""The programs that keep house beside the doors: ``compact`` and ``watch``, each by a timer."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from django.conf import settings

from device_endpoint.env import PROJECT_DIR
from device_endpoint.supervisor.process import ProgramSpec


def specs(log_dir: Path) -> list[ProgramSpec]:
    """Return how to run them; whatever one is killed in stays as it was."""
    return [
        _spec("compact", settings.COMPACTION_INTERVAL_SECONDS, log_dir),
        _spec("monitor_devices", settings.MONITORING_INTERVAL_SECONDS, log_dir),
    ]


def _spec(command: str, every_s: int, log_dir: Path) -> ProgramSpec:
    manage = str(PROJECT_DIR / "manage.py")
    return ProgramSpec(
        name=command,
        arguments=[sys.executable, manage, command, "--every", str(every_s)],
        log=log_dir / f"{command}.log",
        hurry_signal=signal.SIGKILL,
    )
