"""Text from outside, made safe to show: in a log line, a page, an error body. Pure."""

from __future__ import annotations

MARKUP = "<>&\"'\\"


def escape(text: str, longest: int, *, also: str = "") -> str:
    r"""Return ``text`` with all that is not printable as ``\xNN`` or ``\uNNNN``, cut to fit.

    Control and bidirectional characters are not printable. ``also`` names further characters
    to escape. What is cut ends in "…".
    """
    pieces: list[str] = []
    length = 0
    # What is cut off is not worth escaping first: one character gives one at least.
    for character in text[: longest + 1]:
        piece = _escape_character(character, also)
        pieces.append(piece)
        length += len(piece)
    if length <= longest:
        return "".join(pieces)
    while length >= longest:
        length -= len(pieces.pop())
    return "".join(pieces) + "…"


def _escape_character(character: str, also: str) -> str:
    if character.isprintable() and character not in also:
        return character
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
