"""The order of a list, from the parameters of its address: ``sort`` and ``after``."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """A column that sorts a list, and in which direction."""

    column: str
    is_descending: bool = False

    @property
    def text(self) -> str:
        return f"{'-' if self.is_descending else ''}{self.column}"


def read_order(text: str, columns: Collection[str], default: str) -> Order:
    """Return the order by one of ``columns``, descending with "-" in front; else by ``default``."""
    column = text.removeprefix("-")
    return Order(column, text.startswith("-")) if column in columns else Order(default)


def read_offset(text: str) -> int:
    """Return the number of rows before a page; 0 for what is no such number."""
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 0
