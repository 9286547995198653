"""Flame graphs from sampled stacks."""

import xml.etree.ElementTree as ET

from benchmarks.flame_graph import WIDTH, draw, read_stacks

STACKS = [
    "process 7:gunicorn;serve (gunicorn/sync.py:10);store (ingest/uploads.py:20) 60",
    "process 8:gunicorn;serve (gunicorn/sync.py:11);store (ingest/uploads.py:33) 20",
    "process 8:gunicorn;serve (gunicorn/sync.py:12);parse <b> (ingest/parsing/a.py:1) 20",
]
NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}


def read_boxes(svg: str) -> dict[str, tuple[float, str]]:
    """Return width and class of each box by its tooltip."""
    boxes = {}
    for group in ET.fromstring(svg).iterfind("svg:g", NAMESPACE):  # noqa: S314
        title, box = group.find("svg:title", NAMESPACE), group.find("svg:rect", NAMESPACE)
        assert title is not None
        assert box is not None
        boxes[title.text or ""] = float(box.attrib["width"]), box.attrib["class"]
    return boxes


def test_a_width_is_the_share_of_the_samples() -> None:
    boxes = read_boxes(draw(read_stacks(STACKS), "An upload"))
    assert boxes == {
        "serve (gunicorn/sync.py): 100.0%": (WIDTH, "library"),
        "store (ingest/uploads.py): 80.0%": (WIDTH * 0.8, "project"),
        "parse <b> (ingest/parsing/a.py): 20.0%": (WIDTH * 0.2, "project"),
    }


def test_the_frames_of_all_stacks_are_left_out() -> None:
    assert "run_module" not in draw(read_stacks([f"run_module (x.py:1);{STACKS[0]}"]), "t")


def test_narrow_boxes_are_left_out() -> None:
    caller = "serve (gunicorn/sync.py:10)"
    times = [
        f"{caller};often (a.py:1) 990",
        f"{caller};seldom (a.py:9) 8",
        f"{caller};rare (b.py:1) 2",
    ]
    svg = draw(read_stacks(times), "t")
    assert "seldom (a.py): 0.8%" in svg
    assert "rare" not in svg
