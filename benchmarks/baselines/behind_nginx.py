"""A baseline behind nginx, which is configured by the product's own templates."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from benchmarks.targets import Target
from benchmarks.workspace import sockets_of
from device_endpoint import nginx_config, nginx_upstreams
from device_endpoint.supervisor.executables import nginx_binary
from device_endpoint.supervisor.process import ProgramSpec

_BODY_CHECK = """        internal;
        include "${NGINX_DIR}/device_proxy.conf";
"""
# The location's own error page replaces the server's, so that the check itself gets the 401.
_ANY_BODY_ALLOWED = """        internal;
        error_page 404 /problem/404;
        return 401;
"""


@dataclass(kw_only=True)
class Baseline(Target):
    @property
    def slug(self) -> str:
        """Return the name of its folder and of its database."""
        return "baseline_" + self.name.replace(" ", "_").lower()

    def make_folders(self) -> tuple[Path, Path]:
        """Create and return its folder and its socket folder."""
        folder = self.cluster.workspace.root / self.slug
        folder.mkdir()
        sockets = sockets_of(folder)
        sockets.mkdir(mode=0o700, parents=True)
        return folder, sockets

    def start_nginx(
        self, folder: Path, sockets: Path, *, backend: str | None = None, rewrite: str = ""
    ) -> None:
        """Start nginx on the target's port.

        It passes requests to ``sockets/device.sock`` as the product's does, or to ``backend``
        (host:port), with the path and query ``rewrite`` in place of the device API's.
        """
        own = folder / "nginx"
        own.mkdir()
        values = nginx_config.template_values(["127.0.0.1"]) | {
            "NGINX_DIR": str(own),
            "RUN_DIR": str(sockets),
            "LOG_DIR": str(own),
            "DEVICE_PORT": str(self.port),
            "DEVICE_LISTEN": f"    listen 127.0.0.1:{self.port} ssl default_server;",
            "DEVICE_SERVERS": nginx_upstreams.server_lines(
                [backend] if backend else [], f"{sockets}/device.sock"
            ),
        }
        for template in nginx_config.TEMPLATES.glob("*.template"):
            # A baseline takes large bodies from anyone.
            text = template.read_text().replace(_BODY_CHECK, _ANY_BODY_ALLOWED)
            text = nginx_config.render(text, values)
            if template.stem == "staff.conf":
                text = "# A baseline has no staff site.\n"
            if template.stem == "device_proxy.conf" and rewrite:
                text = f"rewrite ^ {rewrite} break;\n" + text
            (own / template.stem).write_text(text)
        arguments = ["-p", f"{own}/", "-e", "stderr", "-c", str(own / "nginx.conf")]
        spec = ProgramSpec(
            name=f"nginx of {self.name}",
            arguments=[str(nginx_binary()), *arguments],
            log=own / "nginx.log",
            stop_signal=signal.SIGQUIT,
        )
        self.start_program(spec, (sockets / "nginx.pid").exists)
