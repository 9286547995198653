"""``manage.py issue_token USERNAME``: create an access token for the API and print it once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from identities.credentials import issue_token
from identities.management.base import (
    DatabaseCommand,
    describe_error,
    duration,
    find_study,
    format_iso,
)


class Command(DatabaseCommand):
    help = "Create an access token for the analysis API and print it: it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", metavar="USERNAME", help="its permissions are this user's")
        parser.add_argument(
            "--valid-for",
            type=duration,
            help=f"90s, 5m, 12h, 7d (90d); at most {settings.MAX_TOKEN_DAYS}d",
        )
        parser.add_argument(
            "--study",
            action="append",
            default=[],
            metavar="STUDY",
            help="only identities of this study and of its sites; may be repeated",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()
        try:
            user = users._default_manager.get_by_natural_key(options["username"])
        except users.DoesNotExist as error:
            raise CommandError(f"There is no user {options['username']!r}.") from error
        if not (user.is_active and user.is_staff):
            missing = "not a member of staff" if user.is_active else "not active"
            raise CommandError(
                f"The user {options['username']!r} is {missing}: a token would be refused."
            )
        study_ids = sorted({find_study(name).pk for name in options["study"]}) or None
        valid_for = options["valid_for"]
        expires_at = None if valid_for is None else timezone.now() + valid_for
        try:
            token, secret = issue_token(user, expires_at=expires_at, study_ids=study_ids)
        except ValidationError as error:
            raise CommandError(describe_error(error)) from error
        if options["json"]:
            self.write_json({"token": secret, "expires_at": format_iso(token.expires_at)})
        else:
            self.stdout.write(
                f"Access token of {user.get_username()}, until {format_iso(token.expires_at)}:\n\n"
                f"    {secret}\n\n"
                "Shown once. We keep only a hash."
            )
