"""The command ``device-client`` on a device that loses its power: just before its Nth act.

Run as a program: N ARGUMENTS... Acts are what it sends, and what it does to files of its folder
that another process could see. N = 0 lets it live.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from device_client.__main__ import main

_ACTS = {"http.client.send", "os.rename", "os.remove"}
_KEPT = (".upload", ".pem", ".reason")


def _die_before(number: int) -> None:
    count = 0

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in _ACTS or (event == "open" and _writes(*arguments)):
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

    sys.addaudithook(hear)


def _writes(path: object, mode: object, flags: object) -> bool:
    is_kept = any(suffix in str(path) for suffix in _KEPT)
    return is_kept and isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


if __name__ == "__main__":
    _die_before(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
