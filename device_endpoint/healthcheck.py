"""``python -m device_endpoint.healthcheck``: does the door of this container answer?

Any answer will do: without nginx's secret it is a refusal. Exit status 1 where there is none.
"""

from __future__ import annotations

import socket
import sys

from device_endpoint.env import read_choice, socket_folder

TIMEOUT_SECONDS = 4.0


def answers(door: str) -> bool:
    """Tell whether ``door`` speaks HTTP on its socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        try:
            connection.connect(str(socket_folder("run") / f"{door}.sock"))
            connection.sendall(b"GET /device_endpoint HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return connection.recv(5) == b"HTTP/"
        except OSError:
            return False


if __name__ == "__main__":
    sys.exit(0 if answers(read_choice("SERVICE", "device", ("device", "staff"))) else 1)
