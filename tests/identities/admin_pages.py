"""Pages as a person or a program reads them: forms, secrets, and what a strict policy bars."""

from __future__ import annotations

import re
from html.parser import HTMLParser

SECRET = re.compile(r"dp(?:sk|at)_[0-9A-Za-z]{33}")


class _Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def elements(page: str) -> list[tuple[str, dict[str, str]]]:
    """Return the elements of ``page``: name and attributes, in order."""
    return _Elements(page).found


def filled_in(page: str) -> dict[str, str]:
    """Return what the inputs of ``page`` would send as they stand, without buttons."""
    inputs = [attrs for tag, attrs in elements(page) if tag == "input" and "name" in attrs]
    kinds = ("submit", "checkbox", "radio")
    return {one["name"]: one.get("value", "") for one in inputs if one.get("type") not in kinds}


def buttons(page: str) -> set[str]:
    """Return the names of the buttons and lists of actions by which ``page`` changes something."""
    named = {attrs.get("name", "") for tag, attrs in elements(page) if tag in ("input", "select")}
    return named & {"_save", "_addanother", "_continue", "_saveasnew", "action"}


def links(page: str) -> set[str]:
    """Return the addresses that ``page`` links to."""
    return {attrs["href"] for tag, attrs in elements(page) if tag == "a" and "href" in attrs}


def secret_in(page: str) -> str:
    """Return the one secret that stands in ``page``, which must hold it once."""
    found = SECRET.findall(page)
    assert len(found) == 1, f"{len(found)} secrets"
    return str(found[0])


def barred(page: str) -> list[tuple[str, dict[str, str]]]:
    """Return the elements of ``page`` that a policy without 'unsafe-inline' bars."""
    return [
        (tag, attrs)
        for tag, attrs in elements(page)
        if tag == "style"
        or (tag == "script" and "src" not in attrs)
        or any(name == "style" or name.startswith("on") for name in attrs)
        or attrs.get("href", "").startswith("javascript:")
    ]
