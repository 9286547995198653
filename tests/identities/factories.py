"""Make keys and tokens as a person at the admin does, and look for them where they must not be."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.http import HttpResponse, HttpResponseBase
from django.test import Client
from django.utils import timezone

from identities.models import Identity
from tests.identities.admin_pages import filled_in

PSK_ADD = "/admin/identities/presharedkey/add/"
TOKEN_ADD = "/admin/identities/accesstoken/add/"


def answered(answer: HttpResponseBase) -> str:
    """Return the page of ``answer``, which nobody may store."""
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"] or "errorlist" in answer.content.decode()
    return answer.content.decode()


def make_key(client: Client, identity: Identity, /, **fields: str) -> str:
    """Post the add form as a program would, the fields alone; return the page that answers."""
    tomorrow = timezone.now() + timedelta(days=1)
    plain = {
        "identity": str(identity.pk),
        "note": "",
        "max_uses": "1",
        "expires_at_0": f"{tomorrow:%Y-%m-%d}",
        "expires_at_1": f"{tomorrow:%H:%M:%S}",
    }
    return answered(client.post(PSK_ADD, plain | fields))


def make_token(client: Client, **fields: str) -> str:
    """Make a token with the form's defaults; return the page that answers."""
    form = filled_in(client.get(TOKEN_ADD).content.decode())
    return answered(client.post(TOKEN_ADD, form | fields))


def rows_that_hold(secret: str) -> list[str]:
    """Return the names of the tables in which ``secret`` stands as text or as bytes."""
    found = []
    forms = [f"%{secret}%", f"%{secret.encode().hex()}%"]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            # The names come from the catalogue of the tests' own database.
            query = f'SELECT 1 FROM "{table}" AS one WHERE one::text LIKE ANY(%s) LIMIT 1'  # noqa: S608
            cursor.execute(query, [forms])
            found += [table] if cursor.fetchone() else []
    return found
