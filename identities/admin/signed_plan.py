"""What a dry run showed, carried to its confirmation by the page itself: signed, no secret in it.

The rows are checked again before anything is made, so a page that was tampered with could ask
for no more than an upload; the signature sees to it that what was shown is what is made.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field

from django.core import signing
from django.http import HttpRequest
from django.utils import timezone

from identities.durations import parse_duration
from identities.enrolment.csv_file import Defaults

SALT = "identities.admin.signed_plan"
VALID_SECONDS = 3600


class BadProposal(ValueError):
    """The page that was sent is too old, was changed, or belongs to another user."""


@dataclass(frozen=True)
class Proposal:
    """A list of keys to issue.

    ``rows`` is the CSV text, ``valid_for`` a duration as it is typed, ``missing`` the identities
    that were shown to be made, ``confirmation`` what lets the page issue once.
    """

    name: str
    rows: str
    note: str
    max_uses: int
    valid_for: str
    create: bool
    missing: list[str] = field(default_factory=list)
    confirmation: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def title(self) -> str:
        """Return what the enrolment is called where nobody said."""
        return self.name or f"List of {timezone.now():%Y-%m-%d %H:%M}"

    @property
    def defaults(self) -> Defaults:
        """Return what rows get that leave a column empty."""
        return Defaults(self.note, self.max_uses, parse_duration(self.valid_for))

    def signed(self, request: HttpRequest) -> str:
        """Return the proposal as text for a hidden input, good for the request's user alone."""
        document = {"user": request.user.pk, "proposal": asdict(self)}
        return signing.dumps(document, salt=SALT, compress=True)


def read_proposal(text: str, request: HttpRequest) -> Proposal:
    """Return the proposal that ``signed`` wrote for this user within the hour.

    Raise ``BadProposal`` for anything else.
    """
    try:
        document = signing.loads(text, salt=SALT, max_age=VALID_SECONDS)
    except signing.SignatureExpired as error:
        raise BadProposal("This page is more than an hour old. Check the list again.") from error
    except signing.BadSignature as error:
        raise BadProposal("This page was damaged on its way. Check the list again.") from error
    if document["user"] != request.user.pk:
        raise BadProposal("Somebody else checked this list. Check it again.")
    return Proposal(**document["proposal"])
