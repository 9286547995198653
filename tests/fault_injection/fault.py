"""A fault: a name and a function that injects it."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fault_injection.harness import Harness
from tests.fault_injection.processes import Process


class FaultNotSupported(Exception):
    """The machine does not allow this fault; the text says why."""


class TargetMissing(Exception):
    """The target of the fault is missing: it has not recovered from an earlier fault."""


@dataclass(frozen=True)
class Fault:
    """``inject`` breaks something, repairs it where nothing else does, and returns a log line."""

    name: str
    inject: Callable[[Harness, random.Random], str]


def signal_one(processes: Sequence[Process], rng: random.Random, number: signal.Signals) -> str:
    """Send a signal to a random process."""
    if not processes:
        raise TargetMissing
    process = rng.choice(processes)
    process.send(number)
    return f"{number.name} {process.pid}"
