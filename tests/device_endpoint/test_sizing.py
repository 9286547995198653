"""`manage.py size` computes what devices need from measured costs; its page has the same tables."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from device_endpoint.sizing import Fleet, estimate, read_costs, table

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/sizing.md").read_text()
EVERY = {"a minute": 60, "a quarter of an hour": 900, "an hour": 3_600, "a day": 86_400}


def fleet(devices: int = 1_000, every: float = 900, rate: float = 1, keep: float = 730) -> Fleet:
    return Fleet(devices, every, rate, keep)


def run(*options: str) -> str:
    out = StringIO()
    call_command("size", *options, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("devices", [1_000, 100_000, 1_000_000])
def test_the_page_has_the_tables_of_the_model(devices: int) -> None:
    rows = [(name, estimate(fleet(devices, every))) for name, every in EVERY.items()]
    assert "\n".join(table(rows, "a file every")) in PAGE


def test_the_command_prints_what_the_model_gives() -> None:
    found = json.loads(run("--devices=1000", "--every=15m", "--rate=1", "--keep=2y", "--json"))
    need = estimate(fleet())
    assert found["processors"] == need.processors
    assert found["disk_gb"] == need.disk_gb
    assert found["machine"] == read_costs()["machine"]
    assert "| 1,000 |" in run("--devices", "1000", "--every", "15m")


def test_a_sample_takes_the_bytes_that_were_measured() -> None:
    """The bytes of a sample are those that were measured for files of the same length."""
    costs = read_costs()
    short = costs["stored"][0]
    need = estimate(fleet(1, short["samples"], 1, 1))
    stored = need.disk_gb_per_day * 1e9
    assert stored / need.samples_per_day == pytest.approx(short["bytes_per_sample"])


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (fleet(), fleet(devices=2_000)),
        (fleet(), fleet(every=60)),
        (fleet(), fleet(rate=32)),
        (fleet(), fleet(keep=3_650)),
        (fleet(every=86_400), fleet(every=86_400, rate=50)),
    ],
)
def test_more_of_anything_never_needs_less(less: Fleet, more: Fleet) -> None:
    first, second = estimate(less), estimate(more)
    assert second.processors >= first.processors
    assert second.memory_gb >= first.memory_gb or more.every_seconds < less.every_seconds
    assert second.disk_gb > first.disk_gb


@pytest.mark.parametrize(
    "options",
    [
        ["--devices=0", "--every=1m"],
        ["--devices=many", "--every=1m"],
        ["--devices=10", "--every=often"],
        ["--devices=10", "--every=1m", "--keep=11y"],
        ["--devices=10", "--every=1m", "--rate=0"],
        ["--devices=10", "--every=1m", "--rate=nan"],
    ],
)
def test_numbers_out_of_range_are_refused(options: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*options)
