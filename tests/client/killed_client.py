"""A device that loses its power: kills itself just before its Nth act that others could see.

Run as a program: FOLDER URL AUTHORITIES N. Acts are what it sends, and what it does to its
folder; N = 0 lets it live. It renews its certificate if that is due.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import closing
from pathlib import Path

from device_client.api import Door
from device_client.errors import DeviceError
from device_client.renewal import Renewal, enter
from device_client.retry import Patience
from device_client.state import StateFolder

_ACTS = {"http.client.send", "os.rename", "os.remove"}


def _die_before(number: int) -> None:
    count = 0

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        writes = event == "open" and ".pem" in str(arguments[0]) and _for_writing(arguments[2])
        if event in _ACTS or writes:
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

    sys.addaudithook(hear)


def _for_writing(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _fail(error: DeviceError) -> None:
    raise SystemExit(str(error))


def main(folder: str, url: str, authorities: str, number: str) -> None:
    _die_before(int(number))
    with (
        closing(StateFolder(Path(folder))) as state,
        closing(Door(url, state.credentials, Path(authorities))) as door,
    ):
        renewal = Renewal(state, door, lambda facts: None, _fail)
        enter(renewal, "", Patience())
        renewal.attempt()
        door.whoami()


if __name__ == "__main__":
    main(*sys.argv[1:])
