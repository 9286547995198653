"""The forms of bulk enrolment, and the signed proposal that carries a preview to its confirmation.

The preview page holds the proposal itself; it contains no secret. The rows are checked again
before anything is created, so a modified page could request no more than an upload could; the
signature ensures that what was shown is what is created.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import PurePath
from typing import Any, cast

from django import forms
from django.core import signing
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identities.durations import parse_duration
from identities.enrolment.csv_file import (
    IDENTITY_COLUMN,
    MAX_NOTE_LENGTH,
    MAX_USES,
    Defaults,
    InvalidEnrolment,
    decode,
)
from identities.studies import Study
from identities.visibility import Scope, scope_of

# One sheet is one request: signed and encoded it stays below nginx's limit for the staff site.
MAX_KEYS = 500
MAX_LIST_BYTES = 256 * 1024
PROPOSAL_SALT = "identities.admin.signed_plan"
PROPOSAL_MAX_AGE_SECONDS = 3600
EXAMPLE = "identity,note\nward-3.bed-1,wrist band 17\nward-3.bed-2,wrist band 18"


class InvalidProposal(ValueError):
    """The proposal has expired, was changed, or belongs to another user."""


@dataclass(frozen=True)
class Proposal:
    """A list of keys to issue.

    ``rows`` is the CSV text, ``valid_for`` a duration as typed, ``missing`` the identities that
    the preview showed as new. ``idempotency_key`` lets the page issue once.
    """

    name: str
    rows: str
    note: str
    max_uses: int
    valid_for: str
    create: bool
    study: str = ""
    missing: list[str] = field(default_factory=list)
    idempotency_key: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def title(self) -> str:
        return self.name or f"List of {timezone.now():%Y-%m-%d %H:%M}"

    @property
    def defaults(self) -> Defaults:
        return Defaults(self.note, self.max_uses, parse_duration(self.valid_for), self.study)

    def sign(self, request: HttpRequest) -> str:
        """Return the proposal as text for a hidden input, valid for the request's user only."""
        document = {"user": request.user.pk, "proposal": asdict(self)}
        return signing.dumps(document, salt=PROPOSAL_SALT, compress=True)


def read_proposal(text: str, request: HttpRequest) -> Proposal:
    """Return the proposal that ``sign`` wrote for this user within the last hour.

    Raise ``InvalidProposal`` for anything else.
    """
    try:
        document = signing.loads(text, salt=PROPOSAL_SALT, max_age=PROPOSAL_MAX_AGE_SECONDS)
    except signing.SignatureExpired as error:
        raise InvalidProposal(
            _("This page is more than an hour old. Check the list again.")
        ) from error
    except signing.BadSignature as error:
        raise InvalidProposal(_("This page was damaged. Check the list again.")) from error
    if document["user"] != request.user.pk:
        raise InvalidProposal(_("Another user checked this list. Check it again."))
    return Proposal(**document["proposal"])


class ValidForField(forms.CharField):
    """A duration as text, such as ``12h``; the cleaned value is the text."""

    def __init__(self, **options: Any) -> None:
        defaults: dict[str, Any] = {
            "initial": "7d",
            "max_length": 20,
            "label": gettext_lazy("Expires after"),
            "help_text": gettext_lazy("Such as 12h or 7d."),
        }
        super().__init__(**(defaults | options))

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        try:
            parse_duration(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return text


class ReissueForm(forms.Form):
    valid_for = ValidForField()

    def duration(self) -> timedelta:
        return parse_duration(self.cleaned_data["valid_for"])


class EnrolmentForm(forms.Form):
    """A list of devices, as a file or pasted, with the defaults for its empty cells."""

    use_required_attribute = False
    name = forms.CharField(
        max_length=100,
        required=False,
        label=gettext_lazy("Name of the enrolment"),
        help_text=gettext_lazy("Listed under this name. Left empty: the file’s name."),
    )
    file = forms.FileField(
        required=False,
        label=gettext_lazy("CSV file"),
        help_text=f"At most {MAX_KEYS} rows and {MAX_LIST_BYTES // 1024} KiB.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )
    rows = forms.CharField(
        required=False,
        strip=False,
        label=gettext_lazy("Or paste the rows"),
        help_text=gettext_lazy("Also from a spreadsheet, with the header row."),
        widget=forms.Textarea(
            attrs={"rows": 8, "cols": 80, "spellcheck": "false", "placeholder": EXAMPLE}
        ),
    )
    note = forms.CharField(
        max_length=MAX_NOTE_LENGTH,
        required=False,
        label=gettext_lazy("Note"),
        help_text=gettext_lazy(
            "For rows without a note: for whom or what the key is; never shown to devices."
        ),
    )
    max_uses = forms.IntegerField(
        initial=1,
        label=gettext_lazy("Max uses"),
        validators=[MinValueValidator(1), MaxValueValidator(MAX_USES)],
        help_text=gettext_lazy(
            "For rows without max_uses: how many certificates may register with the key."
        ),
    )
    valid_for = ValidForField(
        help_text=gettext_lazy("For rows without valid_for: such as 12h or 7d.")
    )
    create = forms.BooleanField(
        required=False,
        initial=True,
        label=gettext_lazy("Create missing identities"),
        help_text=gettext_lazy("If not ticked, an unknown name is an error in the list."),
    )

    study = forms.ModelChoiceField(
        Study.objects.none(),
        required=False,
        to_field_name="name",
        label=gettext_lazy("Study"),
        help_text=gettext_lazy("For rows without study: that their identities take part in."),
    )

    def __init__(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._offer_studies(scope_of(request.user, "identities.add_presharedkey"))
        if not request.user.has_perm("identities.add_identity"):
            del self.fields["create"]

    def _offer_studies(self, scope: Scope) -> None:
        studies = scope.studies().filter(is_active=True)
        field = cast("forms.ModelChoiceField[Study]", self.fields["study"])
        field.queryset = studies
        found = list(studies[:2])
        if not found:
            del self.fields["study"]
        elif len(found) == 1 and not scope.is_everything:
            field.initial = found[0].name

    def clean(self) -> dict[str, Any]:
        """Take the rows from the file or the text; raise ``ValidationError`` if there are none."""
        data = super().clean() or self.cleaned_data
        if "file" in self.errors:
            return data
        file, pasted = data.get("file"), data.get("rows") or ""
        limit = {"limit": MAX_LIST_BYTES // 1024}
        if file is not None and file.size > MAX_LIST_BYTES:
            self.add_error("file", _("More than %(limit)s KiB: split the file.") % limit)
        elif file is not None:
            self._read_file(file.name, file.read())
        elif not pasted.strip():
            self.add_error("file", _("Choose a file, or paste the rows below."))
        elif len(pasted.encode()) > MAX_LIST_BYTES:
            self.add_error("rows", _("More than %(limit)s KiB: split the list.") % limit)
        return data

    def _read_file(self, filename: str, content: bytes) -> None:
        try:
            self.cleaned_data["rows"] = decode(content)
        except InvalidEnrolment as error:
            self.add_error("file", str(error))
        # The name is a label only, never a path.
        self.cleaned_data["name"] = self.cleaned_data.get("name") or PurePath(filename).stem[:100]

    def make_proposal(self) -> Proposal:
        data = self.cleaned_data
        return Proposal(
            name=data["name"],
            rows=data["rows"],
            note=data["note"],
            max_uses=data["max_uses"],
            valid_for=data["valid_for"],
            create=data.get("create", False),
            study=data["study"].name if data.get("study") else "",
        )


def make_form(proposal: Proposal, request: HttpRequest) -> EnrolmentForm:
    """Return the form filled in from ``proposal``, a file's rows as text to edit."""
    names = ("name", "rows", "note", "max_uses", "valid_for", "create", "study")
    return EnrolmentForm(request, initial={name: getattr(proposal, name) for name in names})


def make_rows(names: Iterable[str]) -> str:
    """Return CSV text with one row for each of the identities called ``names``."""
    out = io.StringIO()
    rows = [[IDENTITY_COLUMN], *([name] for name in names)]
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
