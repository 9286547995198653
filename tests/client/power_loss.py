"""Run ``device-client`` with a simulated power cut: SIGKILL just before its Nth visible act.

Run as a program: N ARGUMENTS... An act is a network send or a change to a file of the state folder
that another process can see. N = 0 disables the cut.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from device_client.__main__ import main

_ACTS = {"http.client.send", "os.rename", "os.remove"}
_STATE_SUFFIXES = (".upload", ".pem", ".reason")


def kill_before_act(number: int) -> None:
    """Kill this process just before its act ``number`` (from 1)."""
    count = 0

    def count_event(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in _ACTS or (event == "open" and _writes_state(*arguments)):
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

    sys.addaudithook(count_event)


def _writes_state(path: object, mode: object, flags: object) -> bool:
    is_state = any(suffix in str(path) for suffix in _STATE_SUFFIXES)
    return is_state and isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


if __name__ == "__main__":
    kill_before_act(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
