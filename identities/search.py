"""Search for a part of a text, ignoring case, as the trigram indexes support it."""

from __future__ import annotations

import re

from django.db.models import F, TextField
from django.db.models.functions import Lower
from django.db.models.lookups import Contains


def contains_text(field: str, text: str) -> Contains:
    """Return the condition that ``field`` of a row contains ``text``."""
    return Contains(Lower(F(field), output_field=TextField()), text.lower())


def make_pattern(text: str) -> str:
    """Return the pattern of LIKE for text in lower case that contains ``text``."""
    text = text.replace("\0", "").lower()
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
