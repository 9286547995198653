"""The processor time of programs is read from the kernel, with that of their children."""

import os
import subprocess
import sys
import time

from benchmarks.processor_time import Stopwatch, with_descendants

# The kernel counts the time of a running thread at its clock ticks.
TICK_MS = 10
WORK_MS = 50
_SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def work() -> None:
    begin = time.process_time()
    while time.process_time() - begin < WORK_MS / 1000:
        pass


def test_the_time_of_each_group_is_counted() -> None:
    with subprocess.Popen(_SLEEPER, stdin=subprocess.PIPE) as sleeper:
        stopwatch = Stopwatch({"busy": [os.getpid()], "none": []})
        work()
        elapsed = stopwatch.elapsed_ms()
        sleeper.communicate()
    assert elapsed["busy"] >= WORK_MS - TICK_MS
    assert elapsed["none"] == 0


def test_children_of_children_are_found() -> None:
    parent = f"import subprocess, sys; subprocess.run({_SLEEPER!r}, stdin=sys.stdin)"
    command = [sys.executable, "-c", parent]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        found = with_descendants([process.pid])
        while len(found) < 2:
            found = with_descendants([process.pid])
        process.communicate()
    assert process.pid in found
