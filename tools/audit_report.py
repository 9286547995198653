"""What ``make audit`` says: reads pip-audit's JSON, prints counts, fails on a known hole only.

An index without the advisories answers nothing about any package, and a machine without a network
gets no answer at all: that is told, and is no reason to hold a change back.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def verdict(document: dict[str, Any]) -> tuple[list[str], int]:
    """Return the lines to print and how many holes are known in the packages asked about."""
    packages = document["dependencies"]
    unanswered = [package for package in packages if "skip_reason" in package]
    lines, holes = [], 0
    for package in packages:
        for hole in package.get("vulns", []):
            holes += 1
            mended = ", ".join(hole["fix_versions"]) or "no version yet"
            named = " ".join([hole["id"], *hole.get("aliases", [])])
            lines.append(f"{package['name']} {package['version']}: {named}, mended in {mended}")
    answered = len(packages) - len(unanswered)
    lines.append(
        f"audit: {len(packages)} packages, {answered} with an answer, "
        f"{len(unanswered)} the index knows no advisories of, {holes} known holes"
    )
    return lines, holes


def main() -> int:
    """Print the verdict on what stands on standard input; return the exit status."""
    text = sys.stdin.read()
    try:
        document = json.loads(text)
    except ValueError:
        sys.stdout.write("audit: the advisories could not be reached: nothing was audited\n")
        return 0
    lines, holes = verdict(document)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
