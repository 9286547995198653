"""What the Python clients share: the command line, and what a device does with an answer."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

URL, CA, CERT, KEY = (os.environ.get(name, "") for name in ("URL", "CA", "CERT", "KEY"))
Files = dict[str, Path]
# (status, headers, body) of an answer
Answer = tuple[int, Mapping[str, str], str]


def run(register: Callable[[str], Answer], upload: Callable[[Files], Answer]) -> None:
    """Run ``register`` (the key is on standard input) or ``upload NAME=PATH…``."""
    command, *arguments = sys.argv[1:]
    key = sys.stdin.read() if command == "register" else ""
    files = {name: Path(path) for name, _, path in (one.partition("=") for one in arguments)}
    status, body = 0, ""
    for _ in range(5):
        status, headers, body = register(key) if key else upload(files)
        if status not in {429, 503}:
            break
        time.sleep(int(headers.get("Retry-After", "1")))
    done = {200: "delete", 400: "set aside", 413: "set aside", 415: "set aside", 422: "set aside"}
    print(status, done.get(status, "keep"))  # noqa: T201
    print(body)  # noqa: T201
