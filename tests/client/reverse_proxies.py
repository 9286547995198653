"""Run a misconfigured reverse proxy: the product's nginx configuration with edits."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from device_endpoint.supervisor.executables import nginx_binary
from tests.support.stack import Stack, free_ports, wait_until


@dataclass(frozen=True)
class Edit:
    """Replace ``old``, which must occur in ``file``, with ``new``."""

    file: str
    old: str
    new: str = ""


@contextmanager
def run_proxy(stack: Stack, folder: Path, edits: tuple[Edit, ...]) -> Iterator[str]:
    """Run nginx on other ports with the stack's configuration, edited; yield its address."""
    rendered = stack.var_dir / "nginx"
    device_port, staff_port = free_ports(2)
    folder.mkdir()
    for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / name).mkdir()
    for file in rendered.glob("*.conf"):
        text = file.read_text()
        for edit in edits:
            if edit.file == file.name:
                assert edit.old in text, f"{edit.old!r} is not in {file.name}"
                text = text.replace(edit.old, edit.new)
        text = text.replace(str(rendered), str(folder))
        for old, new in ((stack.device_port, device_port), (stack.staff_port, staff_port)):
            text = text.replace(str(old), str(new))
        lines = [
            f'pid "{folder}/nginx.pid";' if line.startswith("pid ") else line
            for line in text.splitlines()
        ]
        (folder / file.name).write_text("\n".join(lines) + "\n")
    log = folder / "log"
    command = [str(nginx_binary()), "-p", f"{folder}/", "-e", "stderr"]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "-c", str(folder / "nginx.conf")], stderr=output)
    try:
        wait_until(lambda: _is_up(folder, process, log), "the edited nginx")
        yield f"https://localhost:{device_port}"
    finally:
        process.terminate()
        process.wait(30)


def _is_up(folder: Path, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    return (folder / "nginx.pid").exists()
