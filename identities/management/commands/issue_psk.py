"""``manage.py issue_psk``: issue a pre-shared key, or the keys of a list, and print them once."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import IntegrityError
from django.utils import timezone

from identities.credentials import get_or_create_identity, issue_psk
from identities.enrolment import issuing
from identities.enrolment.csv_file import Defaults, InvalidEnrolment
from identities.management.base import (
    DatabaseCommand,
    describe_error,
    duration,
    find_study,
    format_iso,
)
from identities.models import DEFAULT_KEY_TTL, Identity, PreSharedKey
from identities.studies import STUDY_INACTIVE, Study, StudyIdentity, find_closed

REMEDY = "add --create or create it in the admin."


class Command(DatabaseCommand):
    help = "Issue a pre-shared key for an identity and print it: it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identity", metavar="IDENTITY", nargs="?", help="name of the identity")
        parser.add_argument(
            "--study",
            default="",
            metavar="NAME",
            help="the study that the identity takes part in, or is put into when it is created",
        )
        parser.add_argument("--create", action="store_true", help="create the identity if missing")
        parser.add_argument(
            "--max-uses", type=int, default=1, help="certificates that may register (1)"
        )
        parser.add_argument(
            "--valid-for", type=duration, default=DEFAULT_KEY_TTL, help="90s, 5m, 12h, 7d (7d)"
        )
        parser.add_argument("--note", default="", help="for whom or what the key is")
        parser.add_argument(
            "--from",
            metavar="FILE.csv",
            dest="list",
            help="instead of IDENTITY, one key for each row of this file (- reads standard "
            "input): a header row, then identity[,note,max_uses,valid_for,study]",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="with --from: check the file, issue nothing"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["identity"] is None) == (options["list"] is None):
            raise CommandError("Give either IDENTITY or --from FILE.csv.")
        if options["list"] is not None:
            self._issue_list(options)
        elif options["dry_run"]:
            raise CommandError("--dry-run requires --from.")
        else:
            self._issue_one(options)

    def _issue_one(self, options: dict[str, Any]) -> None:
        study = find_active_study(options["study"])
        identity = self._resolve_identity(options["identity"], study, create=options["create"])
        if find_closed([identity.pk]):
            raise CommandError(f"{identity.name}: {STUDY_INACTIVE}")
        try:
            key, secret = issue_psk(
                identity,
                max_uses=options["max_uses"],
                expires_at=timezone.now() + options["valid_for"],
                note=options["note"],
            )
        except ValidationError as error:
            raise CommandError(describe_error(error)) from error
        if options["json"]:
            self.write_json(describe_key(key, secret))
        else:
            self.stdout.write(format_key(key, secret))
        if not identity.is_active:
            self.stderr.write(warn_inactive(identity.name))

    def _issue_list(self, options: dict[str, Any]) -> None:
        defaults = Defaults(
            options["note"], options["max_uses"], options["valid_for"], options["study"]
        )
        try:
            plan = issuing.make_plan(
                _read(options["list"]), defaults, create=options["create"], remedy=REMEDY
            )
            issued = [] if options["dry_run"] else _issue(plan, options["list"])
        except InvalidEnrolment as error:
            raise CommandError(f"Nothing was issued.\n{error}") from error
        except ValidationError as error:
            raise CommandError(f"Nothing was issued. {describe_error(error)}") from error
        except IntegrityError as error:
            text = "Nothing was issued: another user just created one of the identities. Try again."
            raise CommandError(text) from error
        described = [describe_key(*pair) for pair in issued] or describe_plan(plan)
        if options["json"]:
            self.write_json({"keys": described})
        else:
            self.stdout.write(format_list(described))
            if options["dry_run"]:
                self.stdout.write(summarize_plan(plan))
        for name in plan.inactive:
            self.stderr.write(warn_inactive(name))

    def _resolve_identity(self, name: str, study: Study | None, *, create: bool) -> Identity:
        try:
            identity = get_or_create_identity(name) if create else Identity.objects.named(name)
            if study is not None:
                put_into_study(identity, study)
            return identity
        except Identity.DoesNotExist as error:
            raise CommandError(
                f"There is no identity {name!r}: create it with --create or in the admin."
            ) from error
        except ValidationError as error:
            raise CommandError(
                f"{name!r} cannot be an identity: {describe_error(error)}"
            ) from error


def find_active_study(name: str) -> Study | None:
    """Return the active study of ``--study``, None without that option."""
    if not name:
        return None
    study = find_study(name)
    if not study.is_active:
        raise CommandError(f"The study {study.name!r} is inactive: activate it in the admin.")
    return study


def put_into_study(identity: Identity, study: Study) -> None:
    """Let an identity without a study take part in ``study``.

    Raise ``CommandError`` for an identity of other studies: its name is not available here.
    """
    studies = {*identity.studies.values_list("pk", flat=True)}
    if not studies:
        StudyIdentity.objects.create(identity=identity, study=study)
    elif study.pk not in studies:
        raise CommandError(f"The name {identity.name!r} is not available: choose another one.")


def describe_key(key: PreSharedKey, secret: str) -> dict[str, Any]:
    """Return the JSON of a key, with its secret."""
    return {
        "psk": secret,
        "identity": key.identity.name,
        "expires_at": format_iso(key.expires_at),
        "max_uses": key.max_uses,
        "hint": key.hint,
    }


def describe_plan(plan: issuing.Plan) -> list[dict[str, Any]]:
    """Return the JSON of the keys that ``plan`` would issue, without secrets."""
    return [
        {
            "psk": None,
            "identity": plan.name(row),
            "expires_at": format_iso(plan.expires_at(row)),
            "max_uses": row.max_uses,
            "hint": None,
        }
        for row in plan.rows
    ]


def format_key(key: PreSharedKey, secret: str) -> str:
    uses = "one registration" if key.max_uses == 1 else f"{key.max_uses} registrations"
    return (
        f"Pre-shared key for {key.identity.name}, until {format_iso(key.expires_at)}, {uses}:\n\n"
        f"    {secret}\n\n"
        "Shown once. We keep only a hash."
    )


def format_list(described: list[dict[str, Any]]) -> str:
    """Return one line for each key: identity, key, expiry, uses."""
    width = max(len(key["identity"]) for key in described)
    return "\n".join(
        f"{key['identity']:<{width}}  {key['psk'] or 'no key yet'}  until {key['expires_at']}  "
        f"uses {key['max_uses']}"
        for key in described
    )


def summarize_plan(plan: issuing.Plan) -> str:
    identities = f", {len(plan.missing)} identities" if plan.missing else ""
    return (
        f"Dry run: all rows are valid. Would create {len(plan.rows)} keys{identities}. "
        "Nothing was created."
    )


def warn_inactive(name: str) -> str:
    return f"{name} is inactive: its devices are refused until it is active again."


def _issue(plan: issuing.Plan, path: str) -> list[tuple[PreSharedKey, str]]:
    name = "Standard input" if path == "-" else Path(path).name
    return issuing.issue_all(plan, name=name)[1]


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from error
