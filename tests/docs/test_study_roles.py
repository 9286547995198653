"""The page on roles has the rights that the code gives.

To write the table anew: ``ROLE_TABLE=write pytest tests/docs/test_study_roles.py``.
"""

from __future__ import annotations

import re
from pathlib import Path

from device_endpoint.env import read_text
from identities.roles import GROUPS, ROLES
from identities.studies import StudyMember

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/study-roles.md"
TABLE = re.compile(r"^\| right \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)


def make_table() -> str:
    holders = {**ROLES, **GROUPS}
    lines = [f"| right | {' | '.join(holders)} |", "|---" * (len(holders) + 1) + "|"]
    for permission in sorted({each for held in holders.values() for each in held}):
        cells = ("yes" if permission in held else "" for held in holders.values())
        lines.append(f"| `{permission}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_table_has_the_rights_of_the_code() -> None:
    page = PAGE.read_text()
    if read_text("ROLE_TABLE") == "write":
        PAGE.write_text(TABLE.sub(make_table(), page))
    assert TABLE.findall(PAGE.read_text()) == [make_table()]


def test_each_role_may_do_what_the_one_before_may() -> None:
    viewer, manager, admin = (ROLES[role] for role in StudyMember.Role.values)
    assert viewer < manager < admin
    assert not any("view_all" in permission for permission in admin)
