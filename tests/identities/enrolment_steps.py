"""Take the steps of a bulk enrolment: upload, preview, confirmation, credential sheet."""

from __future__ import annotations

from html.parser import HTMLParser

from django.http import HttpResponse
from django.test import Client

from identities.models import Enrolment
from tests.identities.admin_pages import SECRET, filled_in

ADD = "/admin/identities/enrolment/add/"
ROWS = "identity,note,max_uses\nbed-1,left,1\nbed-2,right,1\nbed-2,spare,3\n"


class _Cards(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if "data-card" in attributes:
            self.found.append((attributes["data-identity"] or "", ""))

    def handle_data(self, data: str) -> None:
        secret = SECRET.search(data)
        if secret:
            identity, before = self.found.pop()
            assert before == "", "two keys on one card"
            self.found.append((identity, secret[0]))


def cards(page: str) -> list[tuple[str, str]]:
    """Return identity and key of every card of a sheet, which must contain each key once."""
    found = _Cards(page).found
    assert sorted(SECRET.findall(page)) == sorted({secret for _, secret in found})
    return found


def check(client: Client, rows: str = ROWS, **fields: object) -> HttpResponse:
    """Upload the list; return the preview."""
    form = filled_in(client.get(ADD).content.decode()) | {"rows": rows} | fields
    form.pop("file", None)
    answer = client.post(ADD, {"create": "on"} | form)
    assert isinstance(answer, HttpResponse)
    return answer


def confirm(client: Client, preview: HttpResponse) -> HttpResponse:
    """Confirm the preview; return the response."""
    form = filled_in(preview.content.decode())
    answer = client.post(ADD, form | {"confirm": "yes"})
    assert isinstance(answer, HttpResponse)
    return answer


def enrol(client: Client, rows: str = ROWS, **fields: object) -> list[tuple[str, str]]:
    """Go the whole way; return the cards."""
    answer = confirm(client, check(client, rows, **fields))
    assert answer.status_code == 200
    return cards(answer.content.decode())


def newest() -> Enrolment:
    """Return the enrolment that was made last."""
    found = Enrolment.objects.first()
    assert found is not None
    return found
