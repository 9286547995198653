"""What a run prints: a table for people, a document for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from tests.fault_injection.injector import Injected
from tests.fault_injection.verdict import Judgement

MAX_FINDINGS_SHOWN = 30


def table(injected: Injected, judged: Judgement, seconds: float, seed: int) -> str:
    """Return the run as lines of text."""
    lines = [f"{seconds:.0f} s, seed {seed}", "", f"{'fault':32} times"]
    lines += [f"{name:32} {times:5}" for name, times in sorted(injected.counts.items())]
    lines += [f"{name:32}  none: {why}" for name, why in sorted(injected.impossible.items())]
    lines += [f"{'all':32} {injected.counts.total():5}", "", f"{'answer':32} times"]
    lines += [f"{name:32} {times:5}" for name, times in judged.answers.most_common()]
    lines += [
        "",
        f"requests      {judged.requests:9}",
        f"attempted     {judged.attempted:9} files",
        f"acknowledged  {judged.acknowledged:9}",
        f"refused       {judged.refused:9}",
        f"stored        {judged.stored:9} ({judged.samples} samples)",
        f"lost          {judged.lost:9}",
        f"doubled       {judged.doubled:9}",
        "",
    ]
    shown = judged.findings[:MAX_FINDINGS_SHOWN]
    lines += [f"FOUND: {finding}" for finding in shown]
    if len(judged.findings) > len(shown):
        lines.append(f"... and {len(judged.findings) - len(shown)} more")
    lines.append("all is well" if not judged.findings else f"{len(judged.findings)} findings")
    return "\n".join(lines)


def document(injected: Injected, judged: Judgement, seconds: float, seed: int) -> str:
    """Return the run as one JSON document."""
    return json.dumps(
        {
            "seconds": round(seconds, 1),
            "seed": seed,
            "faults": dict(sorted(injected.counts.items())),
            "impossible": injected.impossible,
            **asdict(judged),
            "well": not judged.findings,
        },
        indent=2,
    )
