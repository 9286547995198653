"""``manage.py issue_psk --from FILE.csv``: all keys of a list, or none and why."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from identities import keys
from identities.models import Identity, PreSharedKey

HEADER = "identity,note,max_uses,valid_for\n"


@pytest.fixture
def issue(db: None, tmp_path: Path) -> Any:
    def run(content: str | bytes, *options: str) -> str:
        file = tmp_path / "list.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        out = io.StringIO()
        call_command("issue_psk", "--from", str(file), *options, stdout=out, no_color=True)
        return out.getvalue()

    return run


def keys_of(output: str) -> list[dict[str, Any]]:
    document = json.loads(output)
    assert list(document) == ["keys"]
    found: list[dict[str, Any]] = document["keys"]
    return found


def refusal(issue: Any, content: str | bytes, *options: str) -> list[str]:
    before = PreSharedKey.objects.count(), Identity.objects.count()
    with pytest.raises(CommandError) as error:
        issue(content, *options)
    assert (PreSharedKey.objects.count(), Identity.objects.count()) == before
    first, *lines = str(error.value).splitlines()
    assert first == "Nothing was issued."
    return lines


def test_a_key_for_each_row_in_the_files_order(issue: Any) -> None:
    listed = HEADER + "bed-2,left,3,12h\nbed-1,right,,\nbed-1,spare,,\n"
    issued = keys_of(issue(listed, "--create", "--json"))
    assert [list(key) for key in issued] == [
        ["psk", "identity", "expires_at", "max_uses", "hint"]
    ] * 3
    assert [(key["identity"], key["max_uses"]) for key in issued] == [
        ("bed-2", 3),
        ("bed-1", 1),
        ("bed-1", 1),
    ]
    for key in issued:
        stored = PreSharedKey.objects.get(digest=keys.digest(key["psk"]))
        assert stored.identity.name == key["identity"]
    left = datetime.fromisoformat(issued[0]["expires_at"]) - timezone.now()
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)
    assert Identity.objects.count() == 2


def test_options_fill_what_a_row_leaves_empty(issue: Any) -> None:
    issue("identity;max_uses\nbed-1;\nbed-2;4\n", "--create", "--max-uses", "2", "--note", "ward 3")
    assert set(PreSharedKey.objects.values_list("identity__name", "max_uses", "note")) == {
        ("bed-1", 2, "ward 3"),
        ("bed-2", 4, "ward 3"),
    }


def test_what_spreadsheets_write_is_read(issue: Any) -> None:
    content = '\ufeffNote,Identity\r\n"a, b",bed-1\r\n,\r\n , bed-2 \r\n'
    issued = keys_of(issue(content, "--create", "--json"))
    assert [key["identity"] for key in issued] == ["bed-1", "bed-2"]
    assert PreSharedKey.objects.get(identity__name="bed-1").note == "a, b"


def test_every_bad_row_is_named_with_its_line_and_a_remedy(issue: Any) -> None:
    Identity.objects.create(name="bed-1")
    rows = (
        "bed-1,,,\n"
        ",,,\n"
        ",left,,\n"
        "bed 3,,,\n"
        "bed-4,,,\n"
        "bed-1,x,0,\n"
        "bed-1,x,many,\n"
        "bed-1,x,,7w\n"
        "bed-1,y\n"
        "BED-1,,,\n"
        f"bed-1,{'n' * 201},,\n"
        'bed-1,"two\nlines",,\n'
        "bed-1,end,9999999999,\n"
    )
    lines = refusal(issue, HEADER + rows, "--json")
    assert [line.partition(":")[0] for line in lines] == [
        f"line {number}" for number in (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15)
    ]
    remedies = (
        "enter its name",
        "Letters, digits",
        "add --create",
        "from 1 to",
        "such as 1",
        "such as 90s",
        "quote cells that contain commas",
        "is in line 2",
        "at most 200",
        "remove it",
        "from 1 to",
    )
    for line, remedy in zip(lines, remedies, strict=True):
        assert remedy in line


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ("", "header row of identity, note"),
        ("bed-1\nbed-2\n", "header row of identity, note"),
        ("identity,name\nbed-1,x\n", "unknown column 'name'"),
        ("identity,note,note\nbed-1,x,y\n", "appears twice"),
        (HEADER, "no row below the header"),
        ('identity\n"bed-1\n', "quotation marks"),
        (b"identity\nbed-1\nb\xe9d\n", "line 3: not UTF-8"),
        ("identity\n" + "bed-1\n" * 10_001, "split the file"),
        (b"identity\n" + b"x" * (4 * 1024 * 1024), "split the file"),
        ("identity\nbed\x00\n", "cannot be an identity"),
    ],
)
def test_a_file_that_is_no_such_list_is_refused(
    issue: Any, content: str | bytes, remedy: str
) -> None:
    lines = refusal(issue, content, "--create")
    assert len(lines) == 1
    assert remedy in lines[0]


def test_a_dry_run_shows_what_would_be_made_and_makes_nothing(issue: Any) -> None:
    Identity.objects.create(name="Bed-1")
    listed = HEADER + "bed-1,,2,\nbed-2,,,\n"
    issued = keys_of(issue(listed, "--create", "--dry-run", "--json"))
    assert [(key["psk"], key["identity"], key["max_uses"], key["hint"]) for key in issued] == [
        (None, "Bed-1", 2, None),
        (None, "bed-2", 1, None),
    ]
    text = issue(listed, "--create", "--dry-run")
    assert "Would create 2 keys, 1 identities. Nothing was created." in text
    assert not PreSharedKey.objects.exists()
    assert Identity.objects.count() == 1


def test_a_dry_run_names_bad_rows_too(issue: Any) -> None:
    assert "add --create" in refusal(issue, "identity\nbed-1\n", "--dry-run")[0]


def test_without_json_there_is_a_line_for_each_key(issue: Any) -> None:
    lines = issue("identity\nbed-1\nbed-12\n", "--create").splitlines()
    assert [line.split()[0] for line in lines] == ["bed-1", "bed-12"]
    secrets = {keys.digest(line.split()[1]) for line in lines}
    assert secrets == {bytes(key.digest) for key in PreSharedKey.objects.all()}


def test_inactive_identities_are_reported(issue: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Identity.objects.create(name="bed-1", is_active=False)
    issue("identity\nbed-1\n")
    assert "bed-1 is inactive" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [(), ("bed-1", "--from", "x.csv"), ("bed-1", "--dry-run"), ("--from", "/nowhere")]
)
def test_options_that_do_not_go_together_are_refused(db: None, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("issue_psk", *arguments, "--create")
    assert not Identity.objects.exists()
