"""The supervisor loop: restart programs that end, stop all in order, report each event."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from device_endpoint.supervisor.process import (
    CannotStartError,
    Program,
    ProgramSpec,
    StopRequested,
    describe_exit,
    last_log_line,
)

POLL_INTERVAL_SECONDS = 0.2
MIN_DELAY_SECONDS = 0.2
MAX_DELAY_SECONDS = 15.0
# After running this long, a program that ends is restarted without an increased delay.
STABLE_AFTER_SECONDS = 30.0


@dataclass
class _Supervised:
    program: Program
    delay: float = MIN_DELAY_SECONDS
    restart_at: float | None = None


class Supervisor:
    """Start programs in the order of the ``start`` calls and stop them in reverse order.

    ``report`` receives one line per event. Programs of one ``start`` call are stopped together.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._groups: list[list[_Supervised]] = []
        self._is_reload_requested = False
        self._is_hurried = False

    def install_signal_handlers(self) -> None:
        """Make Ctrl-C and SIGTERM raise ``StopRequested`` and SIGHUP request a reload."""
        signal.signal(signal.SIGINT, self._request_stop)
        signal.signal(signal.SIGTERM, self._request_stop)
        signal.signal(signal.SIGHUP, self._request_reload)

    def start(self, *specs: ProgramSpec) -> None:
        """Start programs that do not depend on each other."""
        group = [_Supervised(Program(spec)) for spec in specs]
        self._groups.append(group)
        for supervised in group:
            supervised.program.start()

    def require_running(self) -> None:
        """Raise ``CannotStartError`` if a program has ended; for use during the start."""
        for supervised in self._all():
            code = supervised.program.exit_code()
            if code is not None:
                raise CannotStartError(
                    f"{supervised.program.name} ended at once ({describe_exit(code)}): "
                    f"{last_log_line(supervised.program.spec.log)} [{supervised.program.spec.log}]"
                )

    def run(self, on_reload: Callable[[], None]) -> None:
        """Restart programs that end, and reload on SIGHUP, until ``StopRequested`` is raised."""
        while True:
            for supervised in self._all():
                self._restart_if_ended(supervised)
            if self._is_reload_requested:
                self._is_reload_requested = False
                self._reload(on_reload)
            time.sleep(POLL_INTERVAL_SECONDS)

    def stop(self) -> None:
        """Stop all programs in reverse order; a second Ctrl-C stops them immediately."""
        signal.signal(signal.SIGINT, self._request_hurry)
        signal.signal(signal.SIGTERM, self._request_hurry)
        while self._groups:
            group = [supervised.program for supervised in self._groups.pop()]
            for program in group:
                program.send(program.spec.stop_signal)
            for program in group:
                self._end(program)

    def _end(self, program: Program) -> None:
        deadline = time.monotonic() + program.spec.stop_seconds
        while not program.wait(POLL_INTERVAL_SECONDS):
            if self._is_hurried or time.monotonic() > deadline:
                program.send(program.spec.hurry_signal)
                if not program.wait(2.0):
                    program.send(signal.SIGKILL)
        program.kill_children()

    def _restart_if_ended(self, supervised: _Supervised) -> None:
        program = supervised.program
        if program.is_running():
            return
        now = time.monotonic()
        if supervised.restart_at is None:
            if now - program.started_at > STABLE_AFTER_SECONDS:
                supervised.delay = MIN_DELAY_SECONDS
            reason = describe_exit(program.exit_code() or 0)
            if reason.startswith("exit"):
                reason += f": {last_log_line(program.spec.log)}"
            self._report(f"{program.name} ended ({reason}); restart in {supervised.delay:g} s")
            program.kill_children()
            supervised.restart_at = now + supervised.delay
            supervised.delay = min(supervised.delay * 2, MAX_DELAY_SECONDS)
        elif now >= supervised.restart_at:
            supervised.restart_at = None
            program.start()
            self._report(f"{program.name} started again")

    def _reload(self, on_reload: Callable[[], None]) -> None:
        try:
            on_reload()
        except CannotStartError as error:
            self._report(f"not reloaded: {error}")
            return
        for supervised in self._all():
            if supervised.program.spec.reload_signal:
                supervised.program.send(supervised.program.spec.reload_signal)
        self._report("reloaded")

    def _all(self) -> Iterator[_Supervised]:
        for group in self._groups:
            yield from group

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        raise StopRequested

    def _request_hurry(self, number: int, frame: FrameType | None) -> None:
        self._is_hurried = True

    def _request_reload(self, number: int, frame: FrameType | None) -> None:
        self._is_reload_requested = True
