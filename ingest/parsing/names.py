"""Names that devices give: which are accepted, and how any text is made storable. Pure."""

from __future__ import annotations

import re

from ingest.escaping import MARKUP, escape
from ingest.parsing.sample_file_errors import MAX_GOT, LineError

_MEASUREMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def is_measurement_name(name: str) -> bool:
    """Tell whether ``name`` may name a series: a letter or digit, then 63 of those or ``_.-``."""
    return _MEASUREMENT_NAME.fullmatch(name) is not None


def explain_bad_name(name: str) -> LineError:
    """Return the error of a part whose name cannot be a measurement's."""
    hint = "The part's name must be 1 to 64 of A-Z a-z 0-9 _ . - and begin with a letter or digit."
    return LineError(0, 0, escape(name, MAX_GOT, also=MARKUP), hint)


def make_storable(text: str, longest: int) -> str:
    """Return ``text`` as PostgreSQL can hold it: no NUL, no lone surrogate, cut to ``longest``.

    What is cut ends in "…", so that a name that is too long is not taken for another one.
    """
    if not text.isascii() or "\0" in text:
        text = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return text if len(text) <= longest else text[: longest - 1] + "…"
