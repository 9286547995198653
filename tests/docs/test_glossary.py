"""The project's words: the glossary's places exist, and the words it replaced are gone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
GLOSSARY = PROJECT / "docs/reference/glossary.md"
# Words and phrases, matched whole and without case.
GONE_PHRASES = (
    "doors?", "leash(ed|es)?", "at leisure", "by and by", "tak(e|en|es|ing) (it|them) away",
    "tried in vain", "in vain", "lies? about", "lay over", "laid over", "looked at", "told",
    "switched off", "used up", "made anew", "handover cards?", "staff actions?", "second factors?",
    "audit trail", "begun at", "last words", "asked for by nobody", "the front", "another front",
    "nobody looks", "let the first device in", "nothing is told", "reread",
)  # fmt: skip
# Identifiers, matched whole and with case.
GONE_NAMES = (
    "AT_A_TIME", "LOOK_EVERY_S", "FRESH_FOR_S", "PATIENCE_S", "SPREAD_S", "KEY_LIFE",
    "(MOST|LONGEST|LEAST|FEWEST|LOWEST)_[A-Z_]+", "lay_over", "transaction_at_leisure",
    "take_signals", "last_words", "leashed", "through_nginx", "past_nginx", "Patience",
    "BadAnswer", "Untrusted", "StaffAction", "BytesOfDay", "CertificateRoll", "CertificateMove",
    "PruneMark", "WatchRun", "begun_at", "catches_up", "noticed_at", "given_up_at", "next_try_at",
    "watch_interval", "watch_grace", "watch_paused_until", "object_text", "object_number",
    "first_steps", "locked_out", "no_ca", "chart_words", "chart_limits", "device_problems",
    "DOOR", "FREE_SPACE_FOLDERS", "LATEST_SAMPLE_AHEAD_S", "EARLIEST_SAMPLE",
    "REFUSALS_PER_(CERTIFICATE|ADDRESS)", "CONNECTIONS_PER_ADDRESS", "MAX_FILES",
    "MAX_BYTES_PER_IDENTITY_AND_DAY", "NOTICE_[A-Z_]+", "QUIET_TIME_ZONE", "COMPACT_EVERY_S",
    "WATCH_EVERY_S", "LOGIN_FAILURES", "STAFF_SECOND_FACTOR",
)  # fmt: skip
# The history, others' texts, the commands of former names and the tests of former settings.
EXEMPT = (
    "CHANGELOG.md", "docs/reference/glossary.md", "tests/docs/test_glossary.py", "tests/vendor/*",
    "*/static/vendor/*", "tests/data/*", "requirements/*", "*.svg.license",
    "manage.py", "tests/device_endpoint/test_environment.py",
    "tests/security/test_deploy_checks.py",
)  # fmt: skip
# A row in one of the tables of former names, as git grep prints it.
FORMER_NAME = re.compile(
    r"(device_endpoint/env\.py|docs/reference/(settings|commands)\.md):\d+:"
    r"(    \"\w+\": \"\w+\",|\| `\w+` \| `\w+` \|)"
)


def test_no_replaced_phrase_is_left() -> None:
    assert _grep(GONE_PHRASES, "--ignore-case") == []


def test_no_replaced_name_is_left() -> None:
    assert _grep(GONE_NAMES) == []


def test_every_path_in_the_glossary_exists() -> None:
    paths = re.findall(r"`(\w+/[\w/]*(?:\.py)?)`", GLOSSARY.read_text())
    assert paths
    assert [path for path in paths if not (PROJECT / path).exists()] == []


def _grep(words: tuple[str, ...], *options: str) -> list[str]:
    """Return the lines of tracked text files, tables of former names apart, with a gone word."""
    exempt = [f":(exclude){path}" for path in EXEMPT]
    command = ["git", "grep", "--extended-regexp", "--word-regexp", "-I", "--line-number", *options]
    run = subprocess.run(
        [*command, "|".join(words), "--", *exempt],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode in (0, 1), run.stderr
    return [line for line in run.stdout.splitlines() if not FORMER_NAME.fullmatch(line)]
