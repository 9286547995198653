"""What a check found: one line for a person, with the remedy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, and what to do about it."""

    name: str
    level: Level
    text: str
    remedy: str = ""

    def as_line(self) -> str:
        """Return the line that ``doctor`` prints."""
        told = f"{self.level:<4}  {self.name}: {self.text}"
        return f"{told}\n      -> {self.remedy}" if self.remedy else told

    def as_json(self) -> dict[str, str]:
        """Return name, level, text and remedy."""
        return asdict(self)


def ok(name: str, text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(name, "ok", text)


def warn(name: str, text: str, remedy: str) -> Finding:
    """Return a finding that somebody should look at."""
    return Finding(name, "warn", text, remedy)


def fail(name: str, text: str, remedy: str) -> Finding:
    """Return a finding that has to be mended."""
    return Finding(name, "FAIL", text, remedy)
