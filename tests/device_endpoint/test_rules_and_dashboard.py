"""Alert rules, dashboard and documentation name exactly the metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.device_endpoint.exposition import Shown, scrape
from tests.support.stack import Stack

PROJECT = Path(__file__).resolve().parents[2]
RULES = yaml.safe_load((PROJECT / "deploy/prometheus/alerts.yml").read_text())
DASHBOARD = json.loads((PROJECT / "deploy/grafana/operator.json").read_text())
SELECTOR = re.compile(r"\b(device_endpoint_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)=(~?)"([^"]*)"')


def _rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def _expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in _rules())
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.fixture(scope="module")
def shown(stack: Stack) -> Shown:
    return scrape(stack)


@pytest.mark.parametrize("expression", sorted(set(_expressions())))
def test_an_expression_finds_series(shown: Shown, expression: str) -> None:
    # Strings in `up{job="device_endpoint"}` have no underscore after the name.
    for name, conditions in SELECTOR.findall(expression):
        having = [dict(labels) for found, labels in shown if found == name]
        assert having, f"{name} is not shown"
        for label, is_pattern, wanted in LABEL.findall(conditions):
            values = {labels.get(label) for labels in having}
            for one in wanted.split("|") if is_pattern else [wanted]:
                assert one in values, f'{name} has no {label}="{one}"'


def test_labels_in_aggregations_exist(shown: Shown) -> None:
    known = {label for _, labels in shown for label, _ in labels}
    for expression in _expressions():
        assert set(re.findall(r"by \((\w+)\)", expression)) <= known


def test_each_rule_has_a_severity_a_summary_and_a_remedy() -> None:
    names = [rule["alert"] for rule in _rules()]
    assert len(set(names)) == len(names)
    for rule in _rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "remedy"}


def test_panels_have_unique_ids_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_page_names_every_metric_and_no_other(shown: Shown) -> None:
    page = (PROJECT / "docs/how-to/monitor.md").read_text()
    named = set(re.findall(r"^\| `(device_endpoint_\w+)` \|", page, re.MULTILINE))
    exported = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name, _ in shown}
    assert named == exported
