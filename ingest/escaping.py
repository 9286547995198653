"""Escape untrusted text for log lines, pages, error bodies and CSV. Pure."""

from __future__ import annotations

MARKUP = "<>&\"'\\"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def escape(text: str, max_length: int, *, also: str = "") -> str:
    r"""Return ``text`` of at most ``max_length``, unprintable characters as ``\xNN`` or ``\uNNNN``.

    Control and bidirectional characters are unprintable. ``also`` holds further characters to
    escape. A cut text ends in "…".
    """
    escaped: list[str] = []
    length = 0
    # Each character yields at least one: later ones are cut off anyway.
    for character in text[: max_length + 1]:
        escaped.append(_escape_character(character, also))
        length += len(escaped[-1])
    if length <= max_length:
        return "".join(escaped)
    while length >= max_length:
        length -= len(escaped.pop())
    return "".join(escaped) + "…"


def escape_formula(text: str) -> str:
    """Return ``text`` with a quote before it if a spreadsheet would read it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _escape_character(character: str, also: str) -> str:
    if character.isprintable() and character not in also:
        return character
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
