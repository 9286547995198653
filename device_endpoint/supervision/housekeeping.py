"""The program that keeps house beside the doors: ``compact`` on finished hours, by a timer."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from django.conf import settings

from device_endpoint.environment import PROJECT_DIR
from device_endpoint.supervision.program import ProgramSpec


def compaction_spec(log_dir: Path) -> ProgramSpec:
    """Return how to run compaction; an hour that it is killed in stays as it was."""
    every = str(settings.COMPACT_EVERY_S)
    return ProgramSpec(
        name="compact",
        arguments=[sys.executable, str(PROJECT_DIR / "manage.py"), "compact", "--every", every],
        log=log_dir / "compact.log",
        hurry_signal=signal.SIGKILL,
    )
