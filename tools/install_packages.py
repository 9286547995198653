"""``make``'s installation of a lock file by pip, with a line that says how far it is.

It uses the standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_STEP = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")
# Where the output is no terminal, every so many packages get a line.
LINES_EVERY = 20


def describe_progress(lines: Iterable[str], total: int) -> Iterator[str]:
    """Yield what to show for lines of pip that begin a package, or the last step."""
    seen: set[str] = set()
    for line in lines:
        step = _STEP.match(line)
        if step:
            seen.add(step[1].lower())
            yield f"{min(len(seen), total)} of {total}: {step[1]}"
        elif line.startswith("Installing collected packages"):
            yield f"{total} of {total}: unpacking"


def main(lock_file: str) -> int:
    """Install ``lock_file``; return pip's exit status, after its last lines if it failed."""
    total = len(_LOCKED.findall(Path(lock_file).read_text()))
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
    command += ["--progress-bar", "off", "--require-hashes", "-r", lock_file]
    last: deque[str] = deque(maxlen=15)
    is_terminal = sys.stdout.isatty()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        if pip.stdout is None:
            raise AssertionError("its output is a pipe")
        for number, text in enumerate(describe_progress(_remember(pip.stdout, last), total)):
            if is_terminal:
                sys.stdout.write(f"\r\033[K  {text}")
            elif number % LINES_EVERY == 0:
                sys.stdout.write(f"  {text}\n")
            sys.stdout.flush()
        status = pip.wait()
    sys.stdout.write("\r\033[K" if is_terminal else "")
    if status:
        sys.stderr.write("".join(last))
    return status


def _remember(lines: Iterable[str], last: deque[str]) -> Iterator[str]:
    for line in lines:
        last.append(line)
        yield line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
