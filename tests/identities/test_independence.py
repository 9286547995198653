"""identities names nothing of the apps that extend it."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("identities", "templates/admin/identities")
# App labels, URL names and permissions of the apps above, and reverse relations to their models.
FOREIGN = re.compile(
    r"\b(ingest|analysis|read_api)\b(?! API)|\balerts[.\"]|admin:(ingest|alerts|analysis)_"
    r"|device_?certificate|registration_?attempt|sample_?block|certificates__|attempts__",
    re.IGNORECASE,
)


def find_foreign_names() -> list[str]:
    paths = [
        path
        for folder in FOLDERS
        for path in sorted((PROJECT / folder).rglob("*"))
        if path.suffix in (".py", ".html", ".js", ".css", ".sql")
    ]
    return [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if FOREIGN.search(line)
    ]


def test_identities_names_nothing_of_the_apps_above() -> None:
    assert find_foreign_names() == []
