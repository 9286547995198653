"""What a load is sent to: the product or a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Keeps = Literal["samples", "files", "nothing"]
BOUNDARY = "bench-7d1f0a5c"


@dataclass(frozen=True)
class Form:
    """How a file is put into a request; ``corpus`` is the kind of text that it is made of."""

    content_type: str
    head: str = ""
    tail: str = ""
    corpus: Literal["csv", "lines"] = "csv"


def multipart(series: str) -> Form:
    """Return the form in which devices send a file of ``series``."""
    return Form(
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        head=(
            f"--{BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="{series}"; filename="{series}.csv"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ),
        tail=f"\r\n--{BOUNDARY}--\r\n",
    )


class Target(Protocol):
    """Takes files over mutual TLS.

    ``keeps`` is what ``stored`` counts; a target that keeps nothing answers 0. ``durability``
    says in one line what an acknowledgement is worth.
    """

    name: str
    durability: str
    keeps: Keeps

    @property
    def url(self) -> str:
        """Return the address that files are POSTed to."""

    def form(self, series: str) -> Form:
        """Return how a file of ``series`` is sent."""

    def stored(self) -> int:
        """Return how many samples or files are stored now."""
