"""Write a study into a folder: the content of each identity, participants and a manifest.

    manifest.json                      study, choice, size and SHA-256 of the next two
    participants.csv                   identity, participant code, period, study or site
    IDENTITY/…                         see ``study_content``
    .journal-KEY.txt                   see ``folder_journal``

Each file appears under its name only when it is complete. An identity whose ``identity.json`` was
written for the same choice and the same data is not written again, so an interrupted export goes
on where it stopped. Files of an earlier export that are no longer part of it are deleted, and so
are the folders that any earlier run began for identities that have left the study or were erased.
What was written of an original that is damaged since is kept.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from django.utils import timezone

from analysis.exports.content_index import describe_file
from analysis.exports.folder_journal import FolderJournal, Warn, make_study_key, read_index
from analysis.exports.study_content import Choice, IdentityContent, record_members
from identities.models import Identity
from identities.studies import Study, StudyIdentity
from identities.visibility import EVERYTHING, Scope
from ingest.escaping import escape_formula

PARTICIPANT_COLUMNS = ("identity", "study", "participant_code", "starts_on", "ends_on")


def export_study(
    folder: Path, study: Study, choice: Choice, warn: Warn
) -> Iterator[tuple[Identity, bool]]:
    """Write ``study`` into ``folder``; yield each identity, and whether it had to be written.

    ``warn`` gets a line for each incomplete index of an earlier export. The manifest comes last.
    Raises ``OSError``.
    """
    scope = EVERYTHING.narrowed(frozenset({study.pk}))
    folder.mkdir(parents=True, exist_ok=True)
    journal = FolderJournal(
        folder, study, lambda name, content: _write(folder, name, [content]), warn
    )
    exported: set[str] = set()
    entries = [_write(folder, "participants.csv", [_encode_participants(scope)])]
    for identity in scope.identities().order_by("pk").iterator():
        with closing(IdentityContent(identity, choice, scope)) as content:
            journal.add(content.folder)
            entry, is_new = _export_identity(folder, content, warn)
        exported.add(content.folder)
        entries.append(entry)
        yield identity, is_new
    journal.delete_except(exported)
    manifest = {
        "study": study.name,
        "study_key": make_study_key(study),
        "exported_at": timezone.now().isoformat(timespec="seconds"),
        "choice": choice.describe(),
        "files": entries,
    }
    _write(folder, "manifest.json", [json.dumps(manifest, indent=1).encode()])


def _encode_participants(scope: Scope) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(PARTICIPANT_COLUMNS)
    rows = StudyIdentity.objects.filter(study__in=scope.studies()).order_by("identity", "study")
    columns = ("identity__name", "study__name", *PARTICIPANT_COLUMNS[2:])
    for row in rows.values_list(*columns).iterator():
        writer.writerow(["" if cell is None else escape_formula(str(cell)) for cell in row])
    return out.getvalue().encode()


def _export_identity(
    folder: Path, content: IdentityContent, warn: Warn
) -> tuple[dict[str, Any], bool]:
    index = f"{content.folder}/identity.json"
    stale: set[str] = set()  # what an earlier export wrote, and this one does not
    if (before := read_index(folder / index, warn)) is not None:
        if before.get("state") == content.state:
            written = (folder / index).read_bytes()
            return describe_file(index, len(written), hashlib.sha256(written).hexdigest()), False
        stale = {entry["file"] for entry in before["files"]}
    for member in record_members(content):
        _write(folder, member.name, member.chunks)
        stale.discard(member.name)
    for name in stale - content.damaged:
        if name.startswith(f"{content.folder}/") and ".." not in Path(name).parts:
            (folder / name).unlink(missing_ok=True)
    return _write(folder, index, content.index.member(content.folder).chunks), True


def _write(folder: Path, name: str, chunks: Iterable[bytes]) -> dict[str, Any]:
    """Write a file that appears when it is complete; return its entry in the manifest."""
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    partial = target.with_name(f".{target.name}.part")
    with partial.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            size += file.write(chunk)
    partial.replace(target)
    return describe_file(name, size, digest.hexdigest())
