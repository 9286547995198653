"""The report of ``make audit``: reads pip-audit's JSON and fails on known vulnerabilities only.

A package index without advisories skips every package, and a machine without a network gets no
result at all: the report says so and succeeds.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def summarize(document: dict[str, Any]) -> tuple[list[str], int]:
    """Return the lines to print and the number of known vulnerabilities."""
    packages = document["dependencies"]
    skipped = [package for package in packages if "skip_reason" in package]
    lines, vulnerabilities = [], 0
    for package in packages:
        for vulnerability in package.get("vulns", []):
            vulnerabilities += 1
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            ids = " ".join([vulnerability["id"], *vulnerability.get("aliases", [])])
            lines.append(f"{package['name']} {package['version']}: {ids}, fixed in {fixed}")
    lines.append(
        f"audit: {len(packages)} packages, {len(packages) - len(skipped)} checked, "
        f"{len(skipped)} without advisories in the index, "
        f"{vulnerabilities} known vulnerabilities"
    )
    return lines, vulnerabilities


def main() -> int:
    """Print the report on standard input; return the exit status."""
    text = sys.stdin.read()
    try:
        document = json.loads(text)
    except ValueError:
        sys.stdout.write("audit: the advisories are not available: nothing was checked\n")
        return 0
    lines, vulnerabilities = summarize(document)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if vulnerabilities else 0


if __name__ == "__main__":
    sys.exit(main())
