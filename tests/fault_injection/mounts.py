"""A tmpfs that can be filled to the last byte, where the machine allows mounts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SIZE_MB = 6000


class SmallDisk:
    """A file system mounted at ``path``; ``unavailable_reason`` is set if it is not mounted."""

    def __init__(self, path: Path, size_mb: int = SIZE_MB) -> None:
        self.path = path
        self.size_mb = size_mb
        self.unavailable_reason = "not mounted"

    def mount(self) -> None:
        """Mount, or set ``unavailable_reason``."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.unavailable_reason = _run(
            "mount", "-t", "tmpfs", "-o", f"size={self.size_mb}m", "none", self.path
        )

    def fill(self) -> None:
        """Leave no free space but a page or two."""
        stat = os.statvfs(self.path)
        used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        # Shrinking to the used size needs no file that would have to be removed again.
        _run("mount", "-o", f"remount,size={used // 1024 + 8}k", self.path)

    def free(self) -> None:
        if not self.unavailable_reason:
            _run("mount", "-o", f"remount,size={self.size_mb}m", self.path)

    def unmount(self) -> None:
        """Unmount and lose the content."""
        if not self.unavailable_reason:
            _run("umount", "--lazy", self.path)
            self.unavailable_reason = "not mounted"


def _run(*command: str | Path) -> str:
    run = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    return run.stderr.strip() or (f"{command[0]} failed" if run.returncode else "")
