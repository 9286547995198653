"""The threat model lists 145 bad inputs by number; each is held by a test that bears its number.

A number is the first word of a case (``"M5 cut amid the file"``) or part of a test's name
(``test_m5_…``).
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
# Registration, HTTP and TLS, certificates, multipart framing, lines of measurements.
HIGHEST = {"R": 32, "H": 26, "C": 20, "M": 37, "D": 30}
LISTED = [f"{group}{number}" for group, last in HIGHEST.items() for number in range(1, last + 1)]


def _held() -> dict[str, set[str]]:
    found = defaultdict(set)
    for path in FOLDER.glob("*.py"):
        if path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for number in re.findall(r"\A([RHCMD]\d+) ", node.value):
                    found[number].add(path.name)
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in re.findall(r"(?<=_)[rhcmd]\d+(?=_)", node.name):
                    found[number.upper()].add(path.name)
    return found


HELD = _held()


@pytest.mark.parametrize("number", LISTED)
def test_the_input_is_held_by_a_test_that_bears_its_number(number: str) -> None:
    assert HELD[number]


def test_no_test_bears_a_number_that_is_not_listed() -> None:
    assert sorted(set(HELD) - set(LISTED)) == []
    assert len(LISTED) == 145
