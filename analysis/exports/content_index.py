"""The index of an export of an identity, ``identity.json``: each file with size and SHA-256."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from analysis.exports.streaming import Member, Spool


@dataclass(frozen=True)
class DamagedFile:
    """A stored file that is not what the device sent, in place of its member."""

    name: str
    sha256: str


class ContentIndex:
    """What is exported, ``head``, and an entry for each file on a line."""

    END = b"\n ]\n}\n"

    def __init__(self, head: dict[str, Any]) -> None:
        self.head = head
        self._entries = Spool()
        self._count = 0
        self._entries.write(json.dumps(head, indent=1)[:-2].encode() + b',\n "files": [')

    def close(self) -> None:
        self._entries.close()

    def add(self, entry: dict[str, Any]) -> None:
        encoded = self.encode(entry)
        self._entries.write(encoded if self._count else encoded[1:])
        self._count += 1

    @staticmethod
    def encode(entry: dict[str, Any]) -> bytes:
        return b",\n  " + json.dumps(entry).encode()

    def finish(self) -> None:
        self._entries.write(self.END)

    def pad(self, size: int) -> None:
        """Append white space until it has ``size`` bytes."""
        while (missing := size - self._entries.size) > 0:
            self._entries.write(b"\n" * min(missing, 1 << 16))

    @property
    def size(self) -> int:
        return self._entries.size

    def member(self, folder: str) -> Member:
        spool = self._entries
        return Member(
            f"{folder}/identity.json", timezone.now(), spool.chunks(), False, spool.size,
            spool.crc32,
        )  # fmt: skip


def describe_file(name: str, size: int, sha256: str) -> dict[str, Any]:
    return {"file": name, "bytes": size, "sha256": sha256}


def describe_damaged(file: DamagedFile) -> dict[str, Any]:
    """Return the entry of a file that is left out, with the SHA-256 of what the device sent."""
    return {"file": file.name, "sha256": file.sha256, "code": "file_damaged"}
