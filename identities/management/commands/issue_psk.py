"""``manage.py issue_psk IDENTITY``: make a pre-shared key and print it once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from identities.issuing import find_identity, find_or_make_identity, issue_psk
from identities.management.base import DatabaseCommand, describe, duration, iso
from identities.models import DEFAULT_KEY_LIFE, Identity, PreSharedKey


class Command(DatabaseCommand):
    help = "Make a pre-shared key for an identity and print it: it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identity", metavar="IDENTITY", help="name of the identity")
        parser.add_argument("--create", action="store_true", help="make the identity if missing")
        parser.add_argument(
            "--max-uses", type=int, default=1, help="certificates that may register (1)"
        )
        parser.add_argument(
            "--valid-for", type=duration, default=DEFAULT_KEY_LIFE, help="90s, 5m, 12h, 7d (7d)"
        )
        parser.add_argument("--note", default="", help="for whom or what the key is")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
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
            self.stderr.write(f"{identity} is inactive: its devices are refused until it is not.")

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
