"""A flame graph: where a program's time goes, drawn as SVG from sampled stacks.

Each box is a function; its width is its share of all samples, and the boxes above it are the
functions that it called. Callers are below, the root is at the bottom.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

PROJECT_FOLDERS = ("alerts", "analysis", "device_endpoint", "identities", "ingest")
WIDTH, ROW_HEIGHT, HEAD_HEIGHT = 1200, 17, 40
MIN_SHARE = 0.004  # narrower boxes are left out
SHARED_BY = 0.95
_CHARACTER_WIDTH = 6.6

_STYLE = """
    .page { fill: #ffffff; }
    text { fill: #14202b; font: 11px ui-monospace, monospace; }
    .title { font: 600 15px system-ui, sans-serif; }
    rect { stroke: #ffffff; stroke-width: 0.5; }
    .project { fill: #f2b56b; }
    .library { fill: #a9cbe8; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1520; }
      rect { stroke: #0d1520; }
      .title { fill: #e8f0f8; }
    }
"""


@dataclass
class Frame:
    """A function in the place of one stack; ``samples`` counts those of its calls too."""

    name: str
    samples: int = 0
    calls: dict[str, Frame] = field(default_factory=dict)


class Box(NamedTuple):
    """A frame's place: its depth, and where it begins in samples."""

    frame: Frame
    depth: int
    start: int


def read_stacks(lines: Iterable[str]) -> Frame:
    """Return the root of the stacks in ``lines``: ``outer;inner count``, one a line.

    A frame is ``function (file:line)``, as ``py-spy record --format raw`` writes it; the lines of
    one function become one frame. A frame ``process …`` names a worker and is left out.
    """
    root = Frame("all")
    for line in lines:
        stack, _, count = line.strip().rpartition(" ")
        if not stack:
            continue
        frame = root
        frame.samples += int(count)
        for part in stack.split(";"):
            if part.startswith("process "):
                continue
            name = part.rpartition(":")[0] + ")" if part.endswith(")") and ":" in part else part
            frame = frame.calls.setdefault(name, Frame(name))
            frame.samples += int(count)
    return root


def draw(root: Frame, title: str) -> str:
    """Return the SVG of a flame graph; each box shows its share in a tooltip.

    The frames that nearly all stacks share, from the interpreter's start on, are left out.
    """
    root = _skip_shared(root, SHARED_BY * root.samples)
    total = max(root.samples, 1)
    boxes = [box for box in _place(root) if box.frame.samples / total >= MIN_SHARE]
    depth = max(box.depth for box in boxes)
    height = HEAD_HEIGHT + (depth + 1) * ROW_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="8" y="22">{escape(title)}</text>',
    ]
    for box in boxes:
        y = HEAD_HEIGHT + (depth - box.depth) * ROW_HEIGHT
        parts.append(_draw_box(box, y, total))
    return "\n".join([*parts, "</svg>", ""])


def _skip_shared(frame: Frame, samples: float) -> Frame:
    """Return the innermost frame that ``samples`` stacks share."""
    for call in frame.calls.values():
        if call.calls and call.samples >= samples:
            return _skip_shared(call, samples)
    return frame


def _place(frame: Frame, depth: int = 0, start: int = 0) -> Iterator[Box]:
    yield Box(frame, depth, start)
    for call in sorted(frame.calls.values(), key=lambda call: call.name):
        yield from _place(call, depth + 1, start)
        start += call.samples


def _draw_box(box: Box, y: int, total: int) -> str:
    name, share = box.frame.name, box.frame.samples / total
    x, width = WIDTH * box.start / total, WIDTH * share
    kind = "project" if _is_of_project(name) else "library"
    room = int((width - 6) / _CHARACTER_WIDTH)
    label = name if len(name) <= room else name.partition(" ")[0]
    text = f'<text x="{x + 3:.1f}" y="{y + 12}">{escape(label)}</text>'
    return (
        f"<g><title>{escape(name)}: {share:.1%}</title>"
        f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW_HEIGHT}"/>'
        f"{text if len(label) <= room else ''}</g>"
    )


def _is_of_project(name: str) -> bool:
    return name.partition("(")[2].startswith(tuple(f"{folder}/" for folder in PROJECT_FOLDERS))
