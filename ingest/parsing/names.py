"""Measurement names, and storable forms of texts that devices send. Pure."""

from __future__ import annotations

import re

from ingest.escaping import MARKUP, escape
from ingest.parsing.measurement_file_errors import MAX_GOT_LENGTH, LineError

_MEASUREMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# Hiragana, katakana and kanji. Half-width katakana are not among them: their bytes are those of
# accented capitals in latin-1.
_JAPANESE = re.compile("[\u3041-\u30ff\u3400-\u9fff]")


def is_measurement_name(name: str) -> bool:
    """Return whether ``name`` is a letter or digit and up to 63 of those or ``_.-``."""
    return _MEASUREMENT_NAME.fullmatch(name) is not None


def explain_bad_name(name: str) -> LineError:
    """Return the error of a part whose name is no measurement name."""
    hint = "The part's name must be 1 to 64 of A-Z a-z 0-9 _ . - and begin with a letter or digit."
    return LineError(0, 0, escape(name, MAX_GOT_LENGTH, also=MARKUP), hint)


def decode_text(content: bytes) -> str:
    """Return the text of a header, which comes in any character set and does not say in which.

    UTF-8 if it is valid; else Shift-JIS if it is valid and has kana or kanji; else latin-1.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode("shift_jis")
    except UnicodeDecodeError:
        return content.decode("latin-1")
    return text if _JAPANESE.search(text) else content.decode("latin-1")


def make_storable(text: str, max_length: int) -> str:
    """Return ``text`` as PostgreSQL can hold it: no NUL, no lone surrogate, cut to ``max_length``.

    A cut text ends in "…", so that it cannot pass for another, shorter name.
    """
    if not text.isascii() or "\0" in text:
        text = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
