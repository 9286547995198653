"""The forms by which keys are asked for, many at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import timedelta
from pathlib import PurePath
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest

from identities.admin.signed_plan import Proposal
from identities.durations import parse_duration
from identities.enrolment.csv_file import (
    MAX_NOTE,
    MAX_USES,
    REQUIRED,
    BadEnrolment,
    decode,
)

# One sheet, one request: below what nginx lets through to the staff door, signed and encoded.
MAX_KEYS = 500
MAX_BYTES = 256 * 1024
EXAMPLE = "identity,note\nward-3.bed-1,wrist band 17\nward-3.bed-2,wrist band 18"


class ValidForField(forms.CharField):
    """A duration as people type it: ``12h``, ``7d``. Cleaned to the text, known to be one."""

    def __init__(self, **options: Any) -> None:
        told: dict[str, Any] = {
            "initial": "7d",
            "max_length": 20,
            "help_text": "How long a key may wait for its device: such as 12h or 7d.",
        }
        super().__init__(**(told | options))

    def clean(self, value: Any) -> str:
        """Return the text; raise ``ValidationError`` where it is no duration."""
        text: str = super().clean(value)
        try:
            parse_duration(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return text


class ReissueForm(forms.Form):
    """For how long the new keys are good."""

    valid_for = ValidForField()

    def span(self) -> timedelta:
        """Return the duration of a valid form."""
        return parse_duration(self.cleaned_data["valid_for"])


class EnrolmentForm(forms.Form):
    """A list of devices as a file or pasted, and what its rows get that say nothing."""

    use_required_attribute = False
    name = forms.CharField(
        max_length=100,
        required=False,
        label="Name of the enrolment",
        help_text="By which you find its progress again. Left empty: the file’s name.",
    )
    file = forms.FileField(
        required=False,
        label="CSV file",
        help_text=f"At most {MAX_KEYS} rows and {MAX_BYTES // 1024} KiB.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )
    rows = forms.CharField(
        required=False,
        strip=False,
        label="Or paste the rows",
        help_text="From a spreadsheet too, with its header row.",
        widget=forms.Textarea(
            attrs={"rows": 8, "cols": 80, "spellcheck": "false", "placeholder": EXAMPLE}
        ),
    )
    note = forms.CharField(
        max_length=MAX_NOTE,
        required=False,
        help_text="For rows without a note: for whom or what the key is; never shown to devices.",
    )
    max_uses = forms.IntegerField(
        initial=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_USES)],
        help_text="For rows without max_uses: how many certificates may register with the key.",
    )
    valid_for = ValidForField(
        help_text="For rows without valid_for: how long the key may wait, such as 12h or 7d."
    )
    create = forms.BooleanField(
        required=False,
        initial=True,
        label="Make identities that are missing",
        help_text="Without it, a name that is not known is a mistake in the list.",
    )

    def __init__(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not request.user.has_perm("identities.add_identity"):
            del self.fields["create"]

    def clean(self) -> dict[str, Any]:
        """Take the rows from where they are; raise ``ValidationError`` where they are not."""
        told = super().clean() or self.cleaned_data
        if "file" in self.errors:
            return told
        file, pasted = told.get("file"), told.get("rows") or ""
        if file is not None and file.size > MAX_BYTES:
            self.add_error("file", f"More than {MAX_BYTES // 1024} KiB: split the file.")
        elif file is not None:
            self._read(file.name, file.read())
        elif not pasted.strip():
            self.add_error("file", "Choose a file, or paste the rows below.")
        elif len(pasted.encode()) > MAX_BYTES:
            self.add_error("rows", f"More than {MAX_BYTES // 1024} KiB: split the list.")
        return told

    def _read(self, filename: str, content: bytes) -> None:
        try:
            self.cleaned_data["rows"] = decode(content)
        except BadEnrolment as error:
            self.add_error("file", str(error))
        # A name for the list alone: never a path.
        self.cleaned_data["name"] = self.cleaned_data.get("name") or PurePath(filename).stem[:100]

    def proposal(self) -> Proposal:
        """Return what a valid form asks for."""
        told = self.cleaned_data
        return Proposal(
            name=told["name"],
            rows=told["rows"],
            note=told["note"],
            max_uses=told["max_uses"],
            valid_for=told["valid_for"],
            create=told.get("create", False),
        )


def form_of(proposal: Proposal, request: HttpRequest) -> EnrolmentForm:
    """Return the form filled in as it was, a file's rows as text to be mended in place."""
    names = ("name", "rows", "note", "max_uses", "valid_for", "create")
    return EnrolmentForm(request, initial={name: getattr(proposal, name) for name in names})


def rows_of(names: Iterable[str]) -> str:
    """Return a list with one row for each of the identities called ``names``."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([[REQUIRED], *([name] for name in names)])
    return out.getvalue()
