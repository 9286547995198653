"""A clock that can be set for one installation alone: a small library that its processes load."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


class WrongClock:
    """The clock of what is started with ``environment``; ``trouble`` says why there is none."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._library = folder / "clock.so"
        self._write(0)
        self.trouble = self._build()

    @property
    def environment(self) -> dict[str, str]:
        """Return what makes a process look at this clock."""
        if self.trouble:
            return {}
        return {"LD_PRELOAD": str(self._library), "CLOCK_FILE": str(self._file)}

    def set(self, seconds: int) -> None:
        """Let the clock go ``seconds`` ahead of the true one."""
        self._write(seconds)

    def _write(self, seconds: int) -> None:
        # In place: it is mapped into the processes' memory.
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))

    def _build(self) -> str:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            return "no C compiler is installed (apt install gcc)"
        command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return run.stderr.strip()
