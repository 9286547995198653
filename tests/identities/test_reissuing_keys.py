"""Re-issue and revoke from the list of keys: confirmed, the old keys revoked, recorded."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client

from identities.credentials import issue_psk
from identities.enrolment.issuing import reissue
from identities.models import Identity, PreSharedKey
from tests.identities.admin_pages import barred, elements, links
from tests.identities.enrolment_steps import cards

LIST = "/admin/identities/presharedkey/"
_DAY = timedelta(days=1)


@pytest.fixture
def some(identity: Identity) -> list[PreSharedKey]:
    """Three keys of one identity; the first is exhausted."""
    made = [issue_psk(identity, note=note)[0] for note in ("left", "right", "spare")]
    PreSharedKey.objects.redeem(made[0].pk)
    return made


def chosen(action: str, rows: list[PreSharedKey], **fields: str) -> dict[str, Any]:
    return {"action": action, "_selected_action": [str(row.pk) for row in rows], **fields}


def confirmation(page: str, **fields: str) -> dict[str, Any]:
    """Return what the button of the page that asks would send."""
    named = [
        (attrs["name"], attrs.get("value", ""))
        for tag, attrs in elements(page)
        if tag == "input" and "name" in attrs
    ]
    form: dict[str, Any] = {name: value for name, value in named if name != "_selected_action"}
    form["_selected_action"] = [value for name, value in named if name == "_selected_action"]
    return form | fields


def test_the_selected_keys_are_replaced_and_shown(
    operator: Client, some: list[PreSharedKey]
) -> None:
    page = operator.post(LIST, chosen("reissue_selected", some[:2])).content.decode()
    assert "Re-issue 2 keys and show the cards" in page
    assert barred(page) == []
    assert PreSharedKey.objects.count() == 3
    sheet = operator.post(LIST, confirmation(page, valid_for="3d"))
    assert "no-store" in sheet["Cache-Control"]
    assert len(cards(sheet.content.decode())) == 2
    assert barred(sheet.content.decode()) == []
    for old in some[:2]:
        new = PreSharedKey.objects.get(replaces=old)
        assert (new.note, new.max_uses, new.state) == (old.note, 1, "usable")
        assert PreSharedKey.objects.get(pk=old.pk).state == "revoked"
    assert PreSharedKey.objects.get(pk=some[2].pk).state == "usable"
    assert LogEntry.objects.filter(change_message__startswith="Revoked: replaced by").count() == 2


def test_a_wrong_duration_shows_the_form_again(operator: Client, some: list[PreSharedKey]) -> None:
    page = operator.post(LIST, chosen("reissue_selected", some)).content.decode()
    again = operator.post(LIST, confirmation(page, valid_for="soon")).content.decode()
    assert "is not a duration" in again
    assert PreSharedKey.objects.count() == 3


def test_sent_again_it_replaces_nothing(operator: Client, some: list[PreSharedKey]) -> None:
    page = operator.post(LIST, chosen("reissue_selected", some)).content.decode()
    operator.post(LIST, confirmation(page))
    again = operator.post(LIST, confirmation(page), follow=True)
    assert "have been replaced before" in again.content.decode()
    assert PreSharedKey.objects.count() == 6
    assert PreSharedKey.objects.usable().count() == 3


def test_a_key_leads_to_the_one_that_replaced_it(
    operator: Client, some: list[PreSharedKey]
) -> None:
    (done,) = reissue(PreSharedKey.objects.filter(pk=some[1].pk), valid_for=_DAY)
    old = operator.get(f"{LIST}{some[1].pk}/change/").content.decode()
    new = operator.get(f"{LIST}{done.key.pk}/change/").content.decode()
    assert f"{LIST}{done.key.pk}/change/" in links(old)
    assert f"{LIST}{some[1].pk}/change/" in links(new)


def test_too_many_at_once_are_refused_with_a_remedy(operator: Client, identity: Identity) -> None:
    rows = [PreSharedKey(identity=identity) for _ in range(501)]
    for row in rows:
        row.set_new_secret()
    PreSharedKey.objects.bulk_create(rows)
    for action in ("reissue_selected", "revoke_selected"):
        fields = chosen(action, rows[:1], select_across="1")
        page = operator.post(LIST, fields, follow=True).content.decode()
        assert "at once: choose fewer" in page
    assert PreSharedKey.objects.usable().count() == 501


def test_an_analyst_has_no_such_action(analyst: Client, some: list[PreSharedKey]) -> None:
    assert analyst.post(LIST, chosen("reissue_selected", some)).status_code == 403
    assert PreSharedKey.objects.count() == 3


@pytest.mark.usefixtures("own_db")
def test_a_key_is_either_used_or_replaced_however_the_two_race() -> None:
    identity = Identity.objects.create(name="racing-bed")
    for _ in range(10):
        key, _ = issue_psk(identity)
        start = Barrier(2)
        used: list[bool] = []

        def register(pk: int = key.pk, start: Barrier = start, used: list[bool] = used) -> None:
            start.wait()
            used.append(PreSharedKey.objects.redeem(pk))
            connection.close()

        thread = Thread(target=register)
        thread.start()
        start.wait()
        open_keys = PreSharedKey.objects.filter(pk=key.pk, uses=0)
        replaced = reissue(open_keys, valid_for=_DAY)
        thread.join()
        assert bool(replaced) != used[0]
