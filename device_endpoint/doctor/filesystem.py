"""Check the permissions of sockets and secrets, and the free disk space."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.conf import settings

from device_endpoint import health, server_certificate
from device_endpoint.doctor.results import Finding, fail, ok, warn
from device_endpoint.env import files_of_secrets, socket_folder

SOCKET_FORBIDDEN = 0o007
FOLDER_FORBIDDEN = 0o027
PARENT_FORBIDDEN = 0o022  # others may pass through it to the database's folder
SECRET_FORBIDDEN = 0o077
WARN_BELOW = 0.20
FAIL_BELOW = 0.05


def run() -> list[Finding]:
    return [_check_sockets(), _check_secrets(), check_disk(settings.DISK_SPACE_PATHS)]


def has_permission(path: Path, forbidden: int) -> bool:
    """Return whether an existing path grants one of the ``forbidden`` permission bits."""
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & forbidden)
    except FileNotFoundError:
        return False


def _check_sockets() -> Finding:
    folder = socket_folder("run")
    sockets = [folder / f"{service}.sock" for service in ("device", "staff")]
    loose = [path for path in sockets if has_permission(path, SOCKET_FORBIDDEN)]
    loose += [folder] if has_permission(folder, FOLDER_FORBIDDEN) else []
    loose += [folder.parent] if has_permission(folder.parent, PARENT_FORBIDDEN) else []
    if loose:
        return fail(
            "sockets",
            f"open to other users: {_names(loose)}",
            "chmod 750 the folder and 660 the sockets; gunicorn needs --umask 0o007",
        )
    return ok("sockets", "closed to other users")


def _check_secrets() -> Finding:
    loose = [path for path in _secret_files() if has_permission(path, SECRET_FORBIDDEN)]
    if loose:
        return fail("secrets", f"readable by others: {_names(loose)}", f"chmod 600 {_names(loose)}")
    return ok("secrets", "readable by their owner only")


def _secret_files() -> Iterator[Path]:
    var_dir = Path(settings.VAR_DIR)
    yield from (var_dir / "secrets").glob("*")
    yield from server_certificate.key_paths()
    yield from (var_dir / "nginx").glob("*_proxy.conf")
    yield from files_of_secrets()


def check_disk(folders: Sequence[str]) -> Finding:
    """Judge the free space of the file systems that hold ``folders`` by the fullest one."""
    missing = [folder for folder in folders if not Path(folder).exists()]
    if missing:
        remedy = "set DISK_SPACE_PATHS to existing folders"
        return fail("disk", f"missing: {', '.join(missing)}", remedy)
    usages = {folder: shutil.disk_usage(folder) for folder in folders}
    folder, usage = min(usages.items(), key=lambda item: item[1].free)
    share = min(usage.free / max(1, usage.total) for usage in usages.values())
    text = f"{usage.free / 2**30:.1f} GiB free for {folder}; least free share {share:.0%}"
    remedy = "free disk space, or see manage.py prune --dry-run"
    if usage.free < settings.MIN_FREE_DISK_BYTES:
        text += f"; uploads are paused below {health.mib(settings.MIN_FREE_DISK_BYTES)}"
        return fail("disk", text, remedy)
    if share >= WARN_BELOW:
        return ok("disk", text)
    return fail("disk", text, remedy) if share < FAIL_BELOW else warn("disk", text, remedy)


def _names(paths: list[Path]) -> str:
    return " ".join(map(str, paths))
