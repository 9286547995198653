"""What a fault is: a name and a function that breaks something and says what."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.fault_injection.harness import Rig
from tests.fault_injection.processes import Process


class Impossible(Exception):
    """The machine does not allow this fault; the text says why."""


class NothingThere(Exception):
    """What would be broken is not there at the moment: it has not recovered from another fault."""


@dataclass(frozen=True)
class Fault:
    """``inject`` breaks something, for a while where it can be mended, and says what it did."""

    name: str
    inject: Callable[[Rig, random.Random], str]


def hit(found: list[Process], chance: random.Random, number: signal.Signals) -> str:
    """Send a signal to one of ``found``."""
    if not found:
        raise NothingThere
    process = chance.choice(found)
    process.send(number)
    return f"{number.name} {process.pid}"
