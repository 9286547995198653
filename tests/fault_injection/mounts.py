"""A file system in memory that can be filled to the last byte, where the machine allows mounts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOM_MB = 6000


class SmallDisk:
    """The folder ``path`` as a file system of its own; ``trouble`` says why it is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble = "not mounted"

    def mount(self) -> None:
        """Mount, or note why that cannot be done."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.trouble = _run("mount", "-t", "tmpfs", "-o", f"size={ROOM_MB}m", "none", self.path)

    def fill(self) -> None:
        """Leave no room (a page or two apart)."""
        found = os.statvfs(self.path)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        # Shrunk to what is used: nothing has to be written that would have to be removed.
        _run("mount", "-o", f"remount,size={used // 1024 + 8}k", self.path)

    def free(self) -> None:
        """Give the room back."""
        if not self.trouble:
            _run("mount", "-o", f"remount,size={ROOM_MB}m", self.path)

    def unmount(self) -> None:
        """Unmount; what was stored is gone."""
        if not self.trouble:
            _run("umount", "--lazy", self.path)
            self.trouble = "not mounted"


def _run(*command: str | Path) -> str:
    run = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    return run.stderr.strip() or (f"{command[0]} failed" if run.returncode else "")
