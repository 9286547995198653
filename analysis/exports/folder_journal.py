"""The journal of a folder into which a study is exported: which folders in it are the study's.

    .journal-KEY.txt                   the name of a folder on each line

A folder is noted before it is begun, so also one of an interrupted export is known to the next run.
Each study has its own journal, by its key: a study may be renamed, and several may be exported
into one folder. A folder that another study's journal has is left to the next export of that study.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from analysis.exports.study_content import make_folder_name
from identities.studies import Study

Warn = Callable[[str], None]


def make_study_key(study: Study) -> str:
    """Return the study's key: its number and creation time, which no other installation has."""
    return f"{study.pk}-{study.created_at:%Y%m%d%H%M%S}"


def read_index(path: Path, warn: Warn) -> dict[str, Any] | None:
    """Return a manifest or index, of which each entry in ``files`` has a ``file``; None if missing.

    One that is incomplete or not from an export is None too, with a warning. Raises ``OSError``.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        is_index = all(isinstance(entry["file"], str) for entry in document["files"])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, RecursionError):
        is_index = False
    if not is_index:
        warn(f"{path} is incomplete or not from an export: it is replaced.")
        return None
    return document


class FolderJournal:
    """The folders of ``study`` in ``folder``; begins with what the manifest there lists.

    ``write`` replaces a file in ``folder`` as a whole.
    """

    def __init__(
        self, folder: Path, study: Study, write: Callable[[str, bytes], object], warn: Warn
    ) -> None:
        self._folder, self._key, self._write = folder, make_study_key(study), write
        self._path = folder / f".journal-{self._key}.txt"
        self._names = _read(self._path) | self._read_manifest(study, warn)
        self._replace()

    def add(self, name: str) -> None:
        """Note that the folder ``name`` is begun."""
        if name in self._names:
            return
        with self._path.open("a") as file:
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
        self._names.add(name)

    def delete_except(self, kept: Collection[str]) -> None:
        """Delete the folders of the study but ``kept`` and those of other studies."""
        journals = self._folder.glob(".journal-*.txt")
        others = {name for path in journals if path != self._path for name in _read(path)}
        without_case = {name.lower(): name for name in kept}
        for name in sorted(self._names.difference(kept, others)):
            path = self._folder / name
            same = without_case.get(name.lower())
            is_kept = same is not None and path.exists() and path.samefile(self._folder / same)
            if path.is_dir() and not is_kept:
                shutil.rmtree(path)
        self._names = {*kept}
        self._replace()

    def _read_manifest(self, study: Study, warn: Warn) -> set[str]:
        before = read_index(self._folder / "manifest.json", warn)
        # Without a key it is of an earlier release.
        if before is None or before.get("study_key", self._key) != self._key:
            return set()
        if "study_key" not in before and before.get("study") != study.name:
            return set()
        parts = (entry["file"].partition("/") for entry in before["files"])
        return {name for name, _, file in parts if file == "identity.json" and _is_name(name)}

    def _replace(self) -> None:
        lines = "".join(f"{name}\n" for name in sorted(self._names))
        self._write(self._path.name, lines.encode())


def _read(path: Path) -> set[str]:
    """Return the names in a journal; a line without its end is a part of a name."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return {line[:-1] for line in lines if line.endswith("\n") and _is_name(line[:-1])}


def _is_name(name: str) -> bool:
    """Return whether ``name`` is that of a folder directly below another."""
    return name != "" and name == make_folder_name(name)
