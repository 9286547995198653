"""Programs that a run starts, and their end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence

from device_endpoint.supervisor.process import (
    Program,
    ProgramSpec,
    describe_exit,
    last_log_line,
)

START_SECONDS = 90.0


class CannotMeasure(Exception):
    """Something that a row needs is missing or has failed; the text says what, in one line."""


class NotInstalled(CannotMeasure):
    """A program that a reference needs is not on this machine: named and left out."""


def start(spec: ProgramSpec, is_ready: Callable[[], bool]) -> Program:
    """Start a program and wait until it is ready; raise ``CannotMeasure`` if it does not get so."""
    program = Program(spec)
    program.start()
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        code = program.exit_code()
        if code is not None or time.monotonic() > deadline:
            how = "is not ready" if code is None else f"ended ({describe_exit(code)})"
            stop(program)
            raise CannotMeasure(f"{spec.name} {how}: {last_log_line(spec.log)}")
        time.sleep(0.05)
    return program


def stop(program: Program) -> None:
    """End a program in order, else at once, with all that it started."""
    stop_all([program])


def stop_all(programs: Sequence[Program]) -> None:
    """End programs that do not need each other: all are asked before any is waited for."""
    for program in programs:
        program.send(program.spec.stop_signal)
    for program in programs:
        _wait_for_end(program)


def _wait_for_end(program: Program) -> None:
    if not program.wait(program.spec.stop_seconds):
        program.send(program.spec.hurry_signal)
        if not program.wait(5.0):
            program.send(signal.SIGKILL)
    program.clear_group()
