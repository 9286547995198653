"""Browsers that log in as users do: name, password and, if required, a code."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import requests

from tests.identities.admin_pages import filled_in
from tests.support.stack import Stack

LOGIN = "/admin/login/"


class Browser:
    """A browser at the staff site of a running installation."""

    def __init__(self, stack: Stack) -> None:
        self.address = stack.staff_url
        self.session = requests.Session()
        self.session.verify = str(stack.ca_file)

    def get(self, path: str, **options: object) -> requests.Response:
        """GET a page; redirects are not followed."""
        return self._request("GET", path, **options)

    def post(self, path: str, fields: dict[str, str]) -> requests.Response:
        """GET the form at ``path`` and send it with ``fields`` filled in."""
        return self.send(path, filled_in(self.get(path).text) | fields)

    def send(self, path: str, form: dict[str, str]) -> requests.Response:
        """Send a form as it is, its token included."""
        return self._request("POST", path, data=form)

    def log_in(self, username: str, password: str) -> requests.Response:
        """Fill in the login form."""
        return self.post(LOGIN, {"username": username, "password": password})

    def is_in(self) -> bool:
        """Tell whether the first page opens."""
        return self.get("/admin/").status_code == 200

    def _request(self, method: str, path: str, **options: object) -> requests.Response:
        return self.session.request(
            method,
            urljoin(self.address, path),
            headers={"Referer": self.address + "/"},
            verify=self.session.verify,
            allow_redirects=False,
            timeout=30,
            **options,  # type: ignore[arg-type]
        )


def text_of(page: str) -> str:
    """Return ``page`` without its tags."""
    return re.sub(r"<[^>]+>", " ", page)
