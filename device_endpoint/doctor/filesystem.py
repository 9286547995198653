"""Files and folders: who may open the sockets and the secrets, and how much room is left."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.conf import settings

from device_endpoint import health, server_certificate
from device_endpoint.doctor.results import (
    Finding,
    fail,
    ok,
    warn,
)
from device_endpoint.env import files_of_secrets, socket_folder

SOCKET_FORBIDDEN = 0o007
FOLDER_FORBIDDEN = 0o027
PARENT_FORBIDDEN = 0o022  # may be walked through, to the database's folder; the door's is closed
SECRET_FORBIDDEN = 0o077
WARN_BELOW = 0.20
FAIL_BELOW = 0.05


def run() -> list[Finding]:
    """Return the findings on sockets, secrets and disk."""
    return [_sockets(), _secrets(), disk(settings.DISK_SPACE_PATHS)]


def too_open(path: Path, forbidden: int) -> bool:
    """Tell whether a path that exists gives one of the ``forbidden`` permissions."""
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & forbidden)
    except FileNotFoundError:
        return False


def _sockets() -> Finding:
    folder = socket_folder("run")
    sockets = [folder / f"{door}.sock" for door in ("device", "staff")]
    loose = [path for path in sockets if too_open(path, SOCKET_FORBIDDEN)]
    loose += [folder] if too_open(folder, FOLDER_FORBIDDEN) else []
    loose += [folder.parent] if too_open(folder.parent, PARENT_FORBIDDEN) else []
    if loose:
        return fail(
            "sockets",
            f"open to other users: {_names(loose)}",
            "chmod 750 the folder and 660 the sockets; gunicorn needs --umask 0o007",
        )
    return ok("sockets", "closed to other users")


def _secrets() -> Finding:
    loose = [path for path in _secret_files() if too_open(path, SECRET_FORBIDDEN)]
    if loose:
        return fail("secrets", f"readable by others: {_names(loose)}", f"chmod 600 {_names(loose)}")
    return ok("secrets", "readable by their owner only")


def _secret_files() -> Iterator[Path]:
    var_dir = Path(settings.VAR_DIR)
    yield from (var_dir / "secrets").glob("*")
    yield server_certificate.key_path()
    yield from (var_dir / "nginx").glob("*_proxy.conf")
    yield from files_of_secrets()


def disk(folders: Sequence[str]) -> Finding:
    """Return whether there is room left on the disks that hold ``folders``: of the fullest."""
    missing = [folder for folder in folders if not Path(folder).exists()]
    if missing:
        remedy = "make DISK_SPACE_PATHS name folders that are there"
        return fail("disk", f"not there: {', '.join(missing)}", remedy)
    usages = {folder: shutil.disk_usage(folder) for folder in folders}
    folder, usage = min(usages.items(), key=lambda item: item[1].free)
    share = min(found.free / max(1, found.total) for found in usages.values())
    text = f"{usage.free / 2**30:.1f} GiB free for {folder}, the fullest keeps {share:.0%}"
    remedy = "make room, or see manage.py prune --dry-run"
    if usage.free < settings.MIN_FREE_DISK_BYTES:
        text += f"; below {health.mib(settings.MIN_FREE_DISK_BYTES)} no uploads are taken"
        return fail("disk", text, remedy)
    if share >= WARN_BELOW:
        return ok("disk", text)
    return fail("disk", text, remedy) if share < FAIL_BELOW else warn("disk", text, remedy)


def _names(paths: list[Path]) -> str:
    return " ".join(map(str, paths))
