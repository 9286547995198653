"""``manage.py revoke_access USERNAME``: end the sessions of a user and revoke the tokens."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from identities.management.base import DatabaseCommand
from identities.models import ProviderAccount
from identities.oidc.accounts import Rights, apply_rights, end_access


class Command(DatabaseCommand):
    help = (
        "End the sessions of users and revoke their access tokens, at once. Users of the identity "
        "provider also lose what its groups gave, until they sign in again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("usernames", metavar="USERNAME", nargs="+")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()._default_manager.filter(username__in=options["usernames"])
        found = {user.get_username(): user for user in users}
        unknown = [name for name in options["usernames"] if name not in found]
        if unknown:
            raise CommandError(f"There is no user {unknown[0]!r}.")
        sessions = tokens = 0
        for name, user in found.items():
            ended = end_access(user)
            if ProviderAccount.objects.filter(user=user).exists():
                apply_rights(user, Rights())
            sessions, tokens = sessions + ended[0], tokens + ended[1]
            self.audit("revoke_access", user=name)
        if options["json"]:
            self.write_json({"users": len(found), "sessions": sessions, "tokens": tokens})
        else:
            self.stdout.write(f"{sessions} sessions ended, {tokens} tokens revoked.")
