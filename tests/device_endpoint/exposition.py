"""Parse ``/metrics`` and compare its values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from tests.support.stack import Stack, wait_until

Labels = frozenset[tuple[str, str]]
Shown = dict[tuple[str, Labels], float]


def parse(text: str) -> Shown:
    """Return each sample by its name and labels."""
    found: Shown = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"exported twice: {key}"
            found[key] = sample.value
    return found


def scrape(stack: Stack) -> Shown:
    """Return the metrics of the running installation, read from its own machine."""
    status, headers, text = stack.get_staff("/metrics")
    assert status == 200, text
    assert headers["Content-Type"].startswith("text/plain; version=")
    return parse(text)


def value(shown: Shown, name: str, **labels: str) -> float:
    return shown[name, frozenset(labels.items())]


@contextmanager
def grows(stack: Stack, by: float, name: str, **labels: str) -> Iterator[None]:
    """Expect the body of the with statement to add ``by`` to a counter."""
    before = value(scrape(stack), name, **labels)
    yield
    wait_until(
        lambda: value(scrape(stack), name, **labels) >= before + by, f"{name} to grow by {by}"
    )
    assert value(scrape(stack), name, **labels) == before + by
