"""The product's own nginx before a reference: the same templates, filled in for another backend."""

from __future__ import annotations

import signal
from pathlib import Path

from device_endpoint import nginx_config, nginx_upstreams
from device_endpoint.supervisor.executables import nginx_binary
from device_endpoint.supervisor.process import ProgramSpec


def write(
    folder: Path, sockets: Path, port: int, *, backend: str | None = None, rewrite: str = ""
) -> None:
    """Write the configuration of an nginx that listens on ``port``.

    It passes requests on to ``sockets/device.sock`` as the product's does, or to ``backend``
    (host:port); ``rewrite`` is the address and query that the backend wants instead of ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = nginx_config.template_values(["127.0.0.1"]) | {
        "NGINX_DIR": str(folder),
        "RUN_DIR": str(sockets),
        "LOG_DIR": str(folder),
        "DEVICE_PORT": str(port),
        "DEVICE_LISTEN": f"    listen 127.0.0.1:{port} ssl default_server;",
        "DEVICE_SERVERS": nginx_upstreams.server_lines(
            [backend] if backend else [], f"{sockets}/device.sock"
        ),
    }
    for template in nginx_config.TEMPLATES.glob("*.template"):
        text = nginx_config.render(template.read_text(), values)
        if template.stem == "staff.conf":
            text = "# A reference has no staff door.\n"
        if template.stem == "device_proxy.conf" and rewrite:
            text = f"rewrite ^ {rewrite} break;\n" + text
        (folder / template.stem).write_text(text)


def spec(folder: Path, name: str) -> ProgramSpec:
    """Return how to run that nginx."""
    arguments = ["-p", f"{folder}/", "-e", "stderr", "-c", str(folder / "nginx.conf")]
    return ProgramSpec(
        name=f"nginx of {name}",
        arguments=[str(nginx_binary()), *arguments],
        log=folder / "nginx.log",
        stop_signal=signal.SIGQUIT,
    )
