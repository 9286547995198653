"""Breaks things at random moments, every kind as often as the others."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fault_injection.fault import Fault, Impossible, NothingThere
from tests.fault_injection.harness import Rig


@dataclass
class Injected:
    """What was broken: how often each fault, which were impossible and why, a line for each."""

    counts: Counter[str] = field(default_factory=Counter)
    impossible: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def inject(
    rig: Rig, faults: Sequence[Fault], *, seconds: float, every: float, seed: int
) -> Injected:
    """Inject ``faults`` for ``seconds``, one after ``every`` seconds of peace on average."""
    chance = random.Random(f"{seed}/faults")  # noqa: S311 - to be repeated
    done = Injected()
    waiting: list[Fault] = []
    started = time.monotonic()
    while (now := time.monotonic() - started) < seconds:
        time.sleep(min(chance.expovariate(1 / every), 3 * every, max(0.0, seconds - now)))
        if not faults:
            continue
        if not waiting:
            waiting = chance.sample(faults, len(faults))
        fault = waiting.pop()
        try:
            what = fault.inject(rig, chance)
        except Impossible as reason:
            done.impossible[fault.name] = str(reason)
        except NothingThere:
            waiting.insert(0, fault)
        else:
            done.counts[fault.name] += 1
            done.lines.append(f"{now:7.1f} s  {fault.name}: {what}")
    return done
