"""The output of a run: a text table or a JSON document."""

from __future__ import annotations

import json
from dataclasses import asdict

from tests.fault_injection.injector import InjectionLog
from tests.fault_injection.verdict import Verdict

MAX_FINDINGS_SHOWN = 30


def render_table(log: InjectionLog, verdict: Verdict, seconds: float, seed: int) -> str:
    lines = [f"{seconds:.0f} s, seed {seed}", "", f"{'fault':32} times"]
    lines += [f"{name:32} {times:5}" for name, times in sorted(log.counts.items())]
    lines += [
        f"{name:32}  not supported: {reason}" for name, reason in sorted(log.unsupported.items())
    ]
    lines += [f"{'all':32} {log.counts.total():5}", "", f"{'response':32} times"]
    lines += [f"{name:32} {times:5}" for name, times in verdict.responses.most_common()]
    lines += [
        "",
        f"requests      {verdict.requests:9}",
        f"attempted     {verdict.attempted:9} files",
        f"acknowledged  {verdict.acknowledged:9}",
        f"refused       {verdict.refused:9}",
        f"stored        {verdict.stored:9} ({verdict.samples} samples)",
        f"lost          {verdict.lost:9}",
        f"doubled       {verdict.doubled:9}",
        "",
    ]
    shown = verdict.findings[:MAX_FINDINGS_SHOWN]
    lines += [f"FINDING: {finding}" for finding in shown]
    if len(verdict.findings) > len(shown):
        lines.append(f"... and {len(verdict.findings) - len(shown)} more")
    lines.append("no findings" if not verdict.findings else f"{len(verdict.findings)} findings")
    return "\n".join(lines)


def render_json(log: InjectionLog, verdict: Verdict, seconds: float, seed: int) -> str:
    return json.dumps(
        {
            "seconds": round(seconds, 1),
            "seed": seed,
            "faults": dict(sorted(log.counts.items())),
            "unsupported": log.unsupported,
            **asdict(verdict),
            "well": not verdict.findings,
        },
        indent=2,
    )
