"""A known hole in a locked package fails ``make audit``; what cannot be known does not."""

from __future__ import annotations

import io
import json

import pytest

from tools.audit_report import main

KNOWN = {"name": "django", "version": "5.2", "vulns": []}
UNKNOWN = {"name": "attrs", "skip_reason": "Dependency not found on PyPI"}
HOLE = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["5.2.13"]}


def audit(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return main()


def test_a_known_vulnerability_is_named_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps({"dependencies": [KNOWN | {"vulns": [HOLE]}, UNKNOWN]})
    assert audit(monkeypatch, text) == 1
    assert capsys.readouterr().out == (
        "django 5.2: PYSEC-2026-1 CVE-2026-1, fixed in 5.2.13\n"
        "audit: 2 packages, 1 checked, 1 without advisories in the index, 1 known vulnerabilities\n"
    )


def test_unknown_packages_are_counted_and_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(monkeypatch, json.dumps({"dependencies": [KNOWN, UNKNOWN]})) == 0
    assert "0 known vulnerabilities" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "ERROR: no network\n"])
def test_without_a_network_it_says_so_and_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert audit(monkeypatch, text) == 0
    assert "nothing was checked" in capsys.readouterr().out
