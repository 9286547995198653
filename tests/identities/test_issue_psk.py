"""``manage.py issue_psk``."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from identities import keys
from identities.models import Identity, PreSharedKey


def issue(*arguments: str) -> str:
    out = io.StringIO()
    call_command("issue_psk", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def issue_json(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(issue(*arguments, "--json"))
    return document


def test_json_holds_the_key_and_what_it_is_good_for(identity: Identity) -> None:
    document = issue_json("bed-12", "--max-uses", "3", "--valid-for", "12h", "--note", "blue")
    assert list(document) == ["psk", "identity", "expires_at", "max_uses", "hint"]
    key = PreSharedKey.objects.get()
    assert bytes(key.digest) == keys.digest(document["psk"])
    assert (document["identity"], document["max_uses"]) == ("bed-12", 3)
    assert document["hint"] == key.hint == document["psk"][:9] + "…"
    assert datetime.fromisoformat(document["expires_at"]) == key.expires_at
    assert (key.note, key.max_uses, key.uses, key.created_by) == ("blue", 3, 0, None)


def test_a_key_is_for_one_use_within_seven_days_by_default(identity: Identity) -> None:
    before = timezone.now().replace(microsecond=0)
    document = issue_json("bed-12")
    expires_at = datetime.fromisoformat(document["expires_at"])
    assert document["max_uses"] == 1
    assert before + timedelta(days=7) <= expires_at <= timezone.now() + timedelta(days=7)


def test_without_json_a_person_reads_the_key_once(identity: Identity) -> None:
    text = issue("bed-12")
    key = PreSharedKey.objects.get()
    words = [word for word in text.split() if keys.digest(word) == bytes(key.digest)]
    assert len(words) == 1
    assert "bed-12" in text
    assert "Shown once." in text


def test_the_name_is_shown_as_it_was_made(identity: Identity) -> None:
    assert issue_json("BED-12", "--create")["identity"] == "bed-12"
    assert Identity.objects.count() == 1


def test_create_makes_the_identity(db: None) -> None:
    assert issue_json("ward-3.bed@7", "--create")["identity"] == "ward-3.bed@7"
    assert PreSharedKey.objects.get().identity.name == "ward-3.bed@7"


def test_an_unknown_identity_is_one_line(db: None) -> None:
    with pytest.raises(CommandError) as refusal:
        issue("bed-12")
    assert str(refusal.value).splitlines() == [
        "There is no identity 'bed-12': create it with --create or in the admin."
    ]
    assert not Identity.objects.exists()


def test_a_name_that_cannot_be_is_refused_with_what_is_allowed(db: None) -> None:
    with pytest.raises(CommandError, match=r"Letters, digits and _ \. @ - only"):
        issue("bed 12", "--create")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--max-uses", "0"),
        ("--max-uses", "-1"),
        ("--max-uses", "2147483648"),
        ("--max-uses", "x"),
        ("--valid-for", "7w"),
        ("--valid-for", "0s"),
        ("--note", "x" * 201),
    ],
)
def test_a_key_that_cannot_be_is_not_made(identity: Identity, arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        issue("bed-12", *arguments)
    assert not PreSharedKey.objects.exists()


def test_it_says_that_the_identity_is_inactive(
    identity: Identity, capsys: pytest.CaptureFixture[str]
) -> None:
    Identity.objects.update(is_active=False)
    call_command("issue_psk", "bed-12", "--json", no_color=True)
    output = capsys.readouterr()
    assert json.loads(output.out)["identity"] == "bed-12"
    assert "inactive" in output.err
