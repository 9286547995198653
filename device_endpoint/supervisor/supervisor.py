"""The loop: keeps programs running, ends them in order, and says in one line what happens."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from device_endpoint.supervisor.errors import CannotStartError, StopRequested
from device_endpoint.supervisor.process import (
    Program,
    ProgramSpec,
    describe_exit,
    last_log_line,
)

POLL_INTERVAL_SECONDS = 0.2
FIRST_DELAY_SECONDS = 0.2
MAX_DELAY_SECONDS = 15.0
# A program that ran this long had started well: its next death is not one of a series.
SETTLED_AFTER_SECONDS = 30.0


@dataclass
class _Watched:
    program: Program
    delay: float = FIRST_DELAY_SECONDS
    restart_at: float | None = None


class Supervisor:
    """Runs programs in the order in which they are added and ends them in the reverse order.

    ``report`` takes each line for the person who watches. Programs added in one ``start`` call
    are ended together.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._groups: list[list[_Watched]] = []
        self._reload_asked = False
        self._hurry = False

    def take_signals(self) -> None:
        """Let Ctrl-C and SIGTERM raise ``StopRequested`` and SIGHUP ask for a reload."""
        signal.signal(signal.SIGINT, self._stop_asked)
        signal.signal(signal.SIGTERM, self._stop_asked)
        signal.signal(signal.SIGHUP, self._hang_up)

    def start(self, *specs: ProgramSpec) -> None:
        """Start programs that do not depend on each other."""
        group = [_Watched(Program(spec)) for spec in specs]
        self._groups.append(group)
        for watched in group:
            watched.program.start()

    def require_running(self) -> None:
        """Raise ``CannotStartError`` when a program has ended: for use while starting."""
        for watched in self._each():
            code = watched.program.exit_code()
            if code is not None:
                raise CannotStartError(
                    f"{watched.program.name} ended at once ({describe_exit(code)}): "
                    f"{last_log_line(watched.program.spec.log)} [{watched.program.spec.log}]"
                )

    def watch(self, on_reload: Callable[[], None]) -> None:
        """Restart what dies until ``StopRequested`` is raised; reload when SIGHUP asks for it."""
        while True:
            for watched in self._each():
                self._look_at(watched)
            if self._reload_asked:
                self._reload_asked = False
                self._reload(on_reload)
            time.sleep(POLL_INTERVAL_SECONDS)

    def stop(self) -> None:
        """End everything in reverse order; a second Ctrl-C makes it quick."""
        signal.signal(signal.SIGINT, self._hurry_asked)
        signal.signal(signal.SIGTERM, self._hurry_asked)
        while self._groups:
            group = [watched.program for watched in self._groups.pop()]
            for program in group:
                program.send(program.spec.stop_signal)
            for program in group:
                self._end(program)

    def _end(self, program: Program) -> None:
        deadline = time.monotonic() + program.spec.stop_seconds
        while not program.wait(POLL_INTERVAL_SECONDS):
            if self._hurry or time.monotonic() > deadline:
                program.send(program.spec.hurry_signal)
                if not program.wait(2.0):
                    program.send(signal.SIGKILL)
        program.clear_group()

    def _look_at(self, watched: _Watched) -> None:
        program = watched.program
        if program.is_running():
            return
        now = time.monotonic()
        if watched.restart_at is None:
            if now - program.started_at > SETTLED_AFTER_SECONDS:
                watched.delay = FIRST_DELAY_SECONDS
            how = describe_exit(program.exit_code() or 0)
            reason = f"{how}: {last_log_line(program.spec.log)}" if how.startswith("exit") else how
            self._report(f"{program.name} ended ({reason}); restart in {watched.delay:g} s")
            program.clear_group()
            watched.restart_at = now + watched.delay
            watched.delay = min(watched.delay * 2, MAX_DELAY_SECONDS)
        elif now >= watched.restart_at:
            watched.restart_at = None
            program.start()
            self._report(f"{program.name} started again")

    def _reload(self, on_reload: Callable[[], None]) -> None:
        try:
            on_reload()
        except CannotStartError as error:
            self._report(f"not reloaded: {error}")
            return
        for watched in self._each():
            if watched.program.spec.reload_signal:
                watched.program.send(watched.program.spec.reload_signal)
        self._report("reloaded")

    def _each(self) -> Iterator[_Watched]:
        for group in self._groups:
            yield from group

    def _stop_asked(self, number: int, frame: FrameType | None) -> None:
        raise StopRequested

    def _hurry_asked(self, number: int, frame: FrameType | None) -> None:
        self._hurry = True

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self._reload_asked = True
