"""Injects faults at random moments, each kind equally often."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fault_injection.fault import Fault, FaultNotSupported, TargetMissing
from tests.fault_injection.harness import Harness


@dataclass
class InjectionLog:
    """The number of injections of each fault, unsupported faults with reasons, and log lines."""

    counts: Counter[str] = field(default_factory=Counter)
    unsupported: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def inject(
    harness: Harness, faults: Sequence[Fault], *, seconds: float, every: float, seed: int
) -> InjectionLog:
    """Inject ``faults`` for ``seconds``, with pauses of ``every`` seconds on average."""
    rng = random.Random(f"{seed}/faults")  # noqa: S311 - reproducible
    log = InjectionLog()
    queue: list[Fault] = []
    started = time.monotonic()
    while (now := time.monotonic() - started) < seconds:
        time.sleep(min(rng.expovariate(1 / every), 3 * every, max(0.0, seconds - now)))
        if not faults:
            continue
        if not queue:
            queue = rng.sample(faults, len(faults))
        fault = queue.pop()
        try:
            description = fault.inject(harness, rng)
        except FaultNotSupported as reason:
            log.unsupported[fault.name] = str(reason)
        except TargetMissing:
            queue.insert(0, fault)
        else:
            log.counts[fault.name] += 1
            log.lines.append(f"{now:7.1f} s  {fault.name}: {description}")
    return log
