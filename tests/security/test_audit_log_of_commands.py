"""Commands are in the audit log, with the account that ran them."""

from __future__ import annotations

import getpass
import json
import uuid

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from identities.audit.models import AuditEvent
from identities.models import Identity
from ingest.models import RetentionPolicy
from tests.ingest.maintenance.factories import (
    MORNING,
    make_certificate,
    make_identity,
    send,
)

pytestmark = pytest.mark.usefixtures("live_db")
WHO = f"{getpass.getuser()} (command line)"


class Shell:
    """Runs commands and returns the audit events that they added."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._last = AuditEvent.objects.values_list("pk", flat=True).first() or 0
        self.printed = ""

    def run(self, *arguments: str) -> list[AuditEvent]:
        """Return the rows that ``manage.py arguments`` adds, oldest first."""
        self._capsys.readouterr()
        call_command(*arguments)
        self.printed = self._capsys.readouterr().out
        rows = list(AuditEvent.objects.filter(pk__gt=self._last).order_by("pk"))
        self._last = rows[-1].pk if rows else self._last
        assert {row.username for row in rows} <= {WHO}
        assert {row.address for row in rows} <= {None}
        return rows


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def as_text(row: AuditEvent) -> str:
    """Return all that a row says."""
    return json.dumps(row.changes) + row.object_repr + row.object_id


def test_issue_psk_is_recorded_without_the_secret(shell: Shell) -> None:
    name = f"audit-{uuid.uuid4().hex[:8]}"
    made, issued = shell.run("issue_psk", name, "--create", "--note", "ward 3", "--json")
    secret = json.loads(shell.printed)["psk"]
    assert (made.action, made.object_type) == ("add", "identities.identity")
    assert made.changes["name"] == [None, name]
    assert (issued.action, issued.object_type) == ("add", "identities.presharedkey")
    assert issued.changes["note"] == [None, "ward 3"]
    assert secret not in as_text(made) + as_text(issued)
    assert issued.changes["digest"] == [None, "(hidden)"]


def test_issue_token_is_recorded_without_the_secret(shell: Shell) -> None:
    user = User.objects.create_user(f"audit-{uuid.uuid4().hex[:8]}", is_staff=True)
    [issued] = shell.run("issue_token", user.username, "--json")
    assert (issued.action, issued.object_type) == ("add", "identities.accesstoken")
    assert json.loads(shell.printed)["token"] not in as_text(issued)


def test_withdraw_and_export_record_the_file_and_the_series(shell: Shell, tmp_path: object) -> None:
    identity = make_identity()
    certificate = make_certificate(identity)
    send(certificate, {MORNING: 1.0})
    mistake = send(certificate, {MORNING + 1: 2.0})
    [withdrawn] = shell.run("withdraw", str(mistake.id), "--reason", "wrong arm")
    assert (withdrawn.action, withdrawn.object_type) == ("add", "ingest.withdrawal")
    assert withdrawn.changes["reason"] == [None, "wrong arm"]
    [exported] = shell.run("export_samples", identity.name, "hr", "--output", f"{tmp_path}/x.csv")
    assert exported.action == "export"
    assert identity.name in exported.object_repr


def test_maintenance_commands_are_recorded_with_figures(shell: Shell) -> None:
    identity = make_identity()
    certificate = make_certificate(identity)
    send(certificate, {MORNING: 1.0})
    send(certificate, b"rubbish")
    [rebuilt] = shell.run("rebuild", "--identity", identity.name)
    assert (rebuilt.action, rebuilt.object_repr) == ("comment", "rebuild")
    assert rebuilt.changes["series"] == [None, 1]
    [reparsed] = shell.run("reparse", "--identity", identity.name)
    assert (reparsed.object_repr, reparsed.changes["still_rejected"]) == ("reparse", [None, 1])
    assert shell.run("compact", "--identity", identity.name) == []
    assert shell.run("verify", "--identity", identity.name) == []


def test_prune_is_recorded_if_it_deleted_something(shell: Shell) -> None:
    identity = make_identity()
    send(make_certificate(identity), {946_684_800_000: 1.0})
    RetentionPolicy.objects.create(identity=identity, keep_days=30)
    assert shell.run("prune", "--identity", identity.name, "--dry-run") == []
    [pruned] = shell.run("prune", "--identity", identity.name)
    assert (pruned.object_repr, pruned.changes["samples"]) == ("prune", [None, 1])
    assert shell.run("prune", "--identity", identity.name) == []


def test_forget_is_recorded_by_number_without_the_name(shell: Shell) -> None:
    identity = make_identity()
    number, name = identity.pk, identity.name
    [forgotten] = shell.run("forget", name, "--yes", "--reference", "request 12")
    assert forgotten.object_repr == f"forget identity number {number}"
    assert forgotten.changes == {"reference": [None, "request 12"]}
    assert not Identity.objects.filter(pk=number).exists()


def test_create_readonly_role_is_recorded_without_its_password(shell: Shell) -> None:
    role = f"audit_{uuid.uuid4().hex[:8]}"
    try:
        [made] = shell.run("create_readonly_role", role, "--json")
        assert (made.object_repr, made.changes) == ("create_readonly_role", {"role": [None, role]})
        assert json.loads(shell.printed)["password"] not in as_text(made)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {role}")
            cursor.execute(f"DROP ROLE {role}")
