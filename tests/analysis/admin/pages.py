"""Read the tables of pages."""

from __future__ import annotations

import re


def cells(html: str) -> list[list[str]]:
    """Return the texts of the rows of the table's body."""
    body = html[html.index("<tbody>") : html.index("</tbody>")]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows
    ]
