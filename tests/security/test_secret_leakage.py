"""A key that was made, used and misused is found in no log, table, cookie, page or error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from identities import keys
from identities.models import Identity
from tests.identities.admin_pages import SECRET, filled_in
from tests.security.users import LOGIN, Browser
from tests.support.devices import Device
from tests.support.stack import Stack

ADD = "/admin/identities/presharedkey/add/"
ENROL = "/admin/identities/enrolment/add/"


def traces(secret: str) -> list[bytes]:
    """Return what would betray the secret part of a key: as text, as bytes and their digits."""
    body = secret[10:-1].encode()
    return [body, body.hex().encode(), body.hex().upper().encode()]


def files_that_hold(folder: Path, traces: list[bytes]) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and "postgres" not in path.relative_to(folder).parts:
            content = path.read_bytes()
            found += [str(path)] if any(trace in content for trace in traces) else []
    return found


def tables_that_hold(traces: list[bytes]) -> list[str]:
    found = []
    forms = [f"%{trace.decode()}%" for trace in traces]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            query = f'SELECT 1 FROM "{table}" t WHERE t::text LIKE ANY(%s) LIMIT 1'  # noqa: S608
            cursor.execute(query, [forms])
            found += [table] if cursor.fetchone() else []
    return found


@pytest.mark.usefixtures("live_db")
def test_a_key_leaves_no_trace_wherever_it_is_put(
    stack: Stack, make_device: Callable[..., Device]
) -> None:
    identity = Identity.objects.create(name="canary-of-the-tests")
    admin = Browser(stack)
    assert admin.log_in(stack.superuser_name, stack.superuser_password).status_code == 302
    card = admin.post(ADD, {"identity": str(identity.pk), "note": "canary", "max_uses": "1"})
    by_page = SECRET.findall(card.text)
    assert len(by_page) == 1
    used, by_command = by_page[0], stack.issue_psk("canary-of-the-tests")
    dry_run = admin.post(ENROL, {"rows": "identity\ncanary-of-the-tests\n"})
    sheet = admin.send(ENROL, filled_in(dry_run.text) | {"confirm": "yes"})
    by_list = SECRET.findall(sheet.text)
    assert len(by_list) == 1
    unknown, token = keys.generate("dpsk_"), keys.generate("dpat_")
    answers = [card.text.replace(used, ""), dry_run.text, sheet.text.replace(by_list[0], "")]
    device, other = make_device(), make_device()
    for one, psk in [(device, used), (device, used), (other, used), (other, unknown)]:
        answers.append(one.register(psk).text)
    mistakes = [
        device.post(data=used, headers={"Content-Type": "text/plain"}),
        device.post(
            data=b'{"PSK": "' + used.encode(), headers={"Content-Type": "application/json"}
        ),
        device.post(json={"psk": used}),
        device.request("GET", url=f"{stack.device_url}?PSK={used}"),
        device.request("GET", url=f"{stack.device_url}/{used}", headers={"Authorization": used}),
        make_device(anonymous=True).register(by_command),
    ]
    answers += [one.text for one in mistakes]
    browser = Browser(stack)
    for fields in ({"username": used, "password": "x"}, {"username": "x", "password": unknown}):
        browser.post(LOGIN, fields)  # it shows what was typed to whoever typed it
    browser.get(f"/admin/?key={unknown}")
    browser.session.headers["Authorization"] = f"Bearer {token}"
    answers.append(browser.get("/api/v1/series").text)
    listed = admin.get("/admin/identities/presharedkey/").text
    assert "canary" in listed
    answers += [listed, *(str(one.session.cookies.get_dict()) for one in (admin, browser))]

    for secret in (used, by_command, by_list[0], unknown, token):
        wanted = traces(secret)
        assert files_that_hold(stack.var_dir, wanted) == []
        assert stack.output.encode().find(wanted[0]) == -1
        assert [text for text in answers if secret[10:-1] in text] == []
        assert tables_that_hold(wanted) == []
