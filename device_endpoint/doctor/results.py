"""The result of a check: one line for the operator, with the remedy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """What was checked (``name``), its state (``level``, ``text``) and how to fix it."""

    name: str
    level: Level
    text: str
    remedy: str = ""

    def as_line(self) -> str:
        line = f"{self.level:<4}  {self.name}: {self.text}"
        return f"{line}\n      -> {self.remedy}" if self.remedy else line

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def ok(name: str, text: str) -> Finding:
    return Finding(name, "ok", text)


def warn(name: str, text: str, remedy: str) -> Finding:
    return Finding(name, "warn", text, remedy)


def fail(name: str, text: str, remedy: str) -> Finding:
    return Finding(name, "FAIL", text, remedy)
