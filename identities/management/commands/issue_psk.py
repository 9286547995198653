"""``manage.py issue_psk``: make a pre-shared key, or those of a list, and print them once."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import IntegrityError
from django.utils import timezone

from identities.credentials import find_identity, find_or_make_identity, issue_psk
from identities.enrolment import issuing
from identities.enrolment.csv_file import BadEnrolment, Defaults
from identities.management.base import DatabaseCommand, describe, duration, iso
from identities.models import DEFAULT_KEY_LIFE, Identity, PreSharedKey

REMEDY = "add --create or make it in the admin."


class Command(DatabaseCommand):
    help = "Make a pre-shared key for an identity and print it: it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identity", metavar="IDENTITY", nargs="?", help="name of the identity")
        parser.add_argument("--create", action="store_true", help="make the identity if missing")
        parser.add_argument(
            "--max-uses", type=int, default=1, help="certificates that may register (1)"
        )
        parser.add_argument(
            "--valid-for", type=duration, default=DEFAULT_KEY_LIFE, help="90s, 5m, 12h, 7d (7d)"
        )
        parser.add_argument("--note", default="", help="for whom or what the key is")
        parser.add_argument(
            "--from",
            metavar="FILE.csv",
            dest="list",
            help="instead of IDENTITY, one key for each row of this file (- reads standard "
            "input): a header row, then identity[,note,max_uses,valid_for]",
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
            raise CommandError("--dry-run goes with --from.")
        else:
            self._issue_one(options)

    def _issue_one(self, options: dict[str, Any]) -> None:
        identity = self._identity(options["identity"], create=options["create"])
        try:
            key, secret = issue_psk(
                identity,
                max_uses=options["max_uses"],
                expires_at=timezone.now() + options["valid_for"],
                note=options["note"],
            )
        except ValidationError as error:
            raise CommandError(describe(error)) from error
        if options["json"]:
            self.write_json(describe_key(key, secret))
        else:
            self.stdout.write(text_for_a_person(key, secret))
        if not identity.is_active:
            self.stderr.write(inactive(identity.name))

    def _issue_list(self, options: dict[str, Any]) -> None:
        defaults = Defaults(options["note"], options["max_uses"], options["valid_for"])
        try:
            plan = issuing.check(
                _read(options["list"]), defaults, create=options["create"], remedy=REMEDY
            )
            issued = [] if options["dry_run"] else _issue(plan, options["list"])
        except BadEnrolment as error:
            raise CommandError(f"Nothing was issued.\n{error}") from error
        except ValidationError as error:
            raise CommandError(f"Nothing was issued. {describe(error)}") from error
        except IntegrityError as error:
            text = "Nothing was issued: somebody made one of the identities meanwhile. Try again."
            raise CommandError(text) from error
        described = [describe_key(*pair) for pair in issued] or describe_plan(plan)
        if options["json"]:
            self.write_json({"keys": described})
        else:
            self.stdout.write(list_for_a_person(described))
            if options["dry_run"]:
                self.stdout.write(summary_of(plan))
        for name in plan.inactive:
            self.stderr.write(inactive(name))

    def _identity(self, name: str, *, create: bool) -> Identity:
        try:
            return find_or_make_identity(name) if create else find_identity(name)
        except Identity.DoesNotExist as error:
            raise CommandError(
                f"There is no identity {name!r}: make it with --create or in the admin."
            ) from error
        except ValidationError as error:
            raise CommandError(f"{name!r} cannot be an identity: {describe(error)}") from error


def describe_key(key: PreSharedKey, secret: str) -> dict[str, Any]:
    """Return what ``--json`` prints of ``key``."""
    return {
        "psk": secret,
        "identity": key.identity.name,
        "expires_at": iso(key.expires_at),
        "max_uses": key.max_uses,
        "hint": key.hint,
    }


def text_for_a_person(key: PreSharedKey, secret: str) -> str:
    """Return what is printed of ``key`` without ``--json``."""
    uses = "one registration" if key.max_uses == 1 else f"{key.max_uses} registrations"
    return (
        f"Pre-shared key for {key.identity.name}, until {iso(key.expires_at)}, {uses}:\n\n"
        f"    {secret}\n\n"
        "Shown once. We keep only a hash."
    )


def describe_plan(plan: issuing.Plan) -> list[dict[str, Any]]:
    """Return what ``--dry-run --json`` prints of ``plan``: keys that are not made yet."""
    return [
        {
            "psk": None,
            "identity": plan.name(row),
            "expires_at": iso(plan.expires_at(row)),
            "max_uses": row.max_uses,
            "hint": None,
        }
        for row in plan.rows
    ]


def list_for_a_person(described: list[dict[str, Any]]) -> str:
    """Return a line for each key: identity, key, end, uses."""
    width = max(len(key["identity"]) for key in described)
    return "\n".join(
        f"{key['identity']:<{width}}  {key['psk'] or 'no key yet'}  until {key['expires_at']}  "
        f"uses {key['max_uses']}"
        for key in described
    )


def summary_of(plan: issuing.Plan) -> str:
    """Return what would be made of ``plan``, in one line."""
    made = f", {len(plan.missing)} identities" if plan.missing else ""
    return f"Dry run: all rows are good. Would make {len(plan.rows)} keys{made}. Nothing was made."


def inactive(name: str) -> str:
    """Return the warning about an identity that is inactive."""
    return f"{name} is inactive: its devices are refused until it is not."


def _issue(plan: issuing.Plan, path: str) -> list[tuple[PreSharedKey, str]]:
    name = "Standard input" if path == "-" else Path(path).name
    return issuing.issue_all(plan, name=name)[1]


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from error
