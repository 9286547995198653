"""Bulk enrolment in the admin: a preview, then all keys or none, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client

from identities import keys
from identities.admin import bulk_enrolment_forms
from identities.audit.models import AuditEvent
from identities.credentials import issue_psk
from identities.enrolment import issuing
from identities.enrolment.csv_file import Defaults
from identities.models import Enrolment, Identity, PreSharedKey
from tests.identities.admin_pages import SECRET, barred, filled_in
from tests.identities.enrolment_steps import (
    ADD,
    ROWS,
    cards,
    check,
    confirm,
    enrol,
    newest,
)
from tests.identities.factories import rows_that_hold

LIST = "/admin/identities/identity/"


def made() -> tuple[int, int, int]:
    return Identity.objects.count(), PreSharedKey.objects.count(), Enrolment.objects.count()


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_preview_shows_the_keys_and_creates_nothing(operator: Client) -> None:
    Identity.objects.create(name="Bed-1", is_active=False)
    issue_psk(Identity.objects.create(name="bed-2"))
    before = made()
    page = text_of(check(operator, ROWS + "bed-3,,\n"))
    assert made() == before
    assert "Create 4 keys and show the cards" in page
    assert "1 will be created" in page
    assert "Inactive, so their devices are refused: Bed-1." in page
    assert "1 identity already has a usable key" in page
    assert SECRET.search(page) is None


def test_the_confirmation_creates_all_keys_and_shows_each_once(operator: Client) -> None:
    shown = enrol(operator, name="Ward 3")
    assert [name for name, _ in shown] == ["bed-1", "bed-2", "bed-2"]
    enrolment = newest()
    assert enrolment.name == "Ward 3"
    assert enrolment.created_by is not None
    assert enrolment.created_by.username == "olga"
    found = {bytes(key.digest): key for key in enrolment.keys.all()}
    for (identity, secret), (note, uses) in zip(
        shown, [("left", 1), ("right", 1), ("spare", 3)], strict=True
    ):
        key = found[keys.digest(secret)]
        assert (key.identity.name, key.note, key.max_uses) == (identity, note, uses)
        assert key.created_by == enrolment.created_by


def test_a_file_is_read_as_the_command_reads_it(operator: Client) -> None:
    content = "\ufeffIdentity;Note\r\nbed-1;\r\n\r\nbed-2;right\r\n".encode()
    form = {"file": SimpleUploadedFile("Ward 4.csv", content), "max_uses": "2", "valid_for": "12h"}
    page = operator.post(ADD, form | {"note": "from the form", "create": "on"})
    shown = cards(text_of(confirm(operator, page)))  # type: ignore[arg-type]
    assert [name for name, _ in shown] == ["bed-1", "bed-2"]
    assert newest().name == "Ward 4"
    keys = newest().keys.order_by("pk").values_list("note", "max_uses")
    assert list(keys) == [("from the form", 2), ("right", 2)]


def test_rows_pasted_from_a_spreadsheet_come_with_tabs(operator: Client) -> None:
    assert [name for name, _ in enrol(operator, "identity\tnote\nbed-1\ta, b\n")] == ["bed-1"]
    assert PreSharedKey.objects.get().note == "a, b"


def test_every_bad_row_is_named_with_line_column_and_remedy(operator: Client) -> None:
    rows = "identity,max_uses,valid_for\nbed 1,,\nbed-2,0,\nbed-3,,7w\nbed-4\n"
    page = text_of(check(operator, rows))
    assert "4 rows are invalid. Nothing was created" in page
    for line, column, wrong, remedy in [
        (2, "identity", "cannot be an identity", "Letters, digits"),
        (3, "max_uses", "Max_uses 0 is out of range", "From 1 to"),
        (4, "valid_for", "is not a duration", "Expected a number"),
        (5, "–", "1 columns where the header has 3", "Quote cells that contain commas"),
    ]:
        row = page.partition(f'<th scope="row" class="number">{line}</th>')[2].partition("</tr>")[0]
        assert f"<td>{column}</td>" in row
        assert wrong in row
        assert remedy in row
    assert made() == (0, 0, 0)
    assert "bed-2,0," in page, "the list can be edited"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rows": ""}, "Choose a file, or paste the rows"),
        ({"rows": "identity\n" + "b" * bulk_enrolment_forms.MAX_LIST_BYTES}, "split the list"),
        (
            {"file": SimpleUploadedFile("x.csv", b"b" * (bulk_enrolment_forms.MAX_LIST_BYTES + 1))},
            "split",
        ),
        ({"file": SimpleUploadedFile("x.csv", b"identity\nb\xe9d\n")}, "not UTF-8"),
        ({"rows": "identity\n" + "".join(f"b{n}\n" for n in range(501))}, "more than 500 rows"),
        ({"valid_for": "soon"}, "is not a duration"),
        ({"max_uses": "0"}, "greater than or equal to 1"),
        ({"rows": "identity\nbed\x00\n"}, "Null characters are not allowed"),
    ],
)
def test_an_invalid_list_is_refused(operator: Client, fields: dict[str, Any], said: str) -> None:
    form = {"rows": ROWS, "max_uses": "1", "valid_for": "7d", "create": "on"} | fields
    assert said.lower() in text_of(operator.post(ADD, form)).lower()
    assert made() == (0, 0, 0)


def test_a_page_that_is_confirmed_twice_issues_its_keys_once(operator: Client) -> None:
    page = check(operator)
    assert confirm(operator, page).status_code == 200
    before = made()
    again = confirm(operator, page)
    assert again.status_code == 302
    assert again["Location"] == f"/admin/identities/enrolment/{newest().pk}/change/"
    assert "already issued" in text_of(operator.get(again["Location"]))
    assert made() == before


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: "x" + text, lambda _: ""])
def test_a_tampered_page_is_refused(operator: Client, change: Callable[[str], str]) -> None:
    form = filled_in(text_of(check(operator)))
    answer = operator.post(ADD, form | {"proposal": change(form["proposal"]), "confirm": "yes"})
    assert answer.status_code == 302
    assert "Check the list again" in text_of(operator.get(ADD))
    assert made() == (0, 0, 0)


def test_another_users_page_is_refused(operator: Client, admin: Client) -> None:
    answer = confirm(admin, check(operator))
    assert answer.status_code == 302
    assert "Another user checked this list" in text_of(admin.get(ADD))
    assert made() == (0, 0, 0)


def test_an_old_page_is_refused(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = check(operator)
    monkeypatch.setattr(bulk_enrolment_forms, "PROPOSAL_MAX_AGE_SECONDS", -1)
    assert confirm(operator, page).status_code == 302
    assert "more than an hour old" in text_of(operator.get(ADD))
    assert made() == (0, 0, 0)


def test_changes_since_the_preview_are_shown_first(operator: Client) -> None:
    page = check(operator)
    Identity.objects.create(name="bed-1")
    again = confirm(operator, page)
    assert "Identities have changed since" in text_of(again)
    assert not PreSharedKey.objects.exists()
    assert len(cards(text_of(confirm(operator, again)))) == 3


def test_an_identity_created_meanwhile_fails_the_whole_list(db: None) -> None:
    defaults = Defaults(note="", max_uses=1, valid_for=timedelta(days=1))
    plan = issuing.make_plan(ROWS.encode(), defaults, create=True, remedy="")
    Identity.objects.create(name="BED-2")
    with pytest.raises(IntegrityError), transaction.atomic():
        issuing.issue_all(plan, name="Ward 3")
    assert made() == (1, 0, 0)


def test_the_list_can_be_edited_after_the_preview(operator: Client) -> None:
    form = filled_in(text_of(check(operator, note="a strap")))
    page = text_of(operator.post(ADD, form | {"edit": "yes"}))
    assert "bed-2,spare,3" in page
    assert 'value="a strap"' in page
    assert made() == (0, 0, 0)


def test_a_new_name_without_permission_to_add_it_is_an_error(
    make_user: Callable[..., User], log_in: Callable[[User], Client]
) -> None:
    user = make_user("kay")
    names = ("add_presharedkey", "view_presharedkey", "view_identity")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = log_in(user)
    page = text_of(check(client))
    assert "There is no identity &#x27;bed-1&#x27;" in page
    assert "or have the identity created first" in page
    Identity.objects.bulk_create([Identity(name="bed-1"), Identity(name="bed-2")])
    assert len(enrol(client)) == 3


def test_selected_identities_stand_in_the_list(operator: Client) -> None:
    rows = Identity.objects.bulk_create(Identity(name=f"cot-{n}") for n in range(3))
    chosen = {"action": "issue_keys", "_selected_action": [str(one.pk) for one in rows[:2]]}
    page = text_of(operator.post(LIST, chosen))
    assert "identity\ncot-0\ncot-1\n" in page
    assert "cot-2" not in page


def test_an_analyst_can_neither_enrol_nor_see_keys(analyst: Client) -> None:
    assert analyst.get(ADD).status_code == 403
    assert analyst.post(ADD, {"rows": ROWS, "max_uses": "1", "valid_for": "7d"}).status_code == 403
    assert analyst.get("/admin/identities/enrolment/").status_code == 403
    Identity.objects.create(name="bed-1")
    assert "issue_keys" not in text_of(analyst.get(LIST))


def test_a_form_without_its_token_is_refused(make_user: Callable[..., User]) -> None:
    client = Client(enforce_csrf_checks=True, headers={"X-Forwarded-Proto": "https"})
    client.force_login(make_user("olga", "operators"))
    assert client.post(ADD, {"rows": ROWS}).status_code == 403


def test_the_keys_are_in_the_sheet_and_nowhere_else(
    operator: Client, caplog: pytest.LogCaptureFixture
) -> None:
    page = check(operator)
    sheet = confirm(operator, page)
    assert "no-store" in sheet["Cache-Control"]
    for _, secret in cards(text_of(sheet)):
        assert rows_that_hold(secret) == []
        assert secret not in str(operator.cookies)
        assert secret not in caplog.text
        assert not any(secret in str(one.get_decoded()) for one in Session.objects.all())
    assert SECRET.search(text_of(operator.get(f"{newest_address()}change/"))) is None
    assert SECRET.search(text_of(operator.get(f"{newest_address()}history/"))) is None


def newest_address() -> str:
    return f"/admin/identities/enrolment/{newest().pk}/"


def test_histories_and_audit_log_record_who_issued_what(operator: Client) -> None:
    enrol(operator, name="Ward 3")
    entries = LogEntry.objects.values_list("content_type__model", flat=True)
    assert sorted(entries) == ["enrolment", *["identity"] * 2, *["presharedkey"] * 3]
    kinds = AuditEvent.objects.filter(action="add").values_list("object_type", flat=True)
    assert sorted(kinds) == [
        "identities.enrolment",
        *["identities.identity"] * 2,
        *["identities.presharedkey"] * 3,
    ]
    assert AuditEvent.objects.filter(changes__message__1="Issued 3 keys.").exists()


def test_no_page_of_it_holds_what_the_policy_bars(operator: Client) -> None:
    bad, page = check(operator, "identity\nbed 1\n"), check(operator)
    sheet = confirm(operator, page)
    for answer in (operator.get(ADD), bad, page, sheet):
        assert barred(text_of(answer)) == []
