"""``manage.py reread``: the former name of ``reparse``, kept for one release."""

from __future__ import annotations

from typing import Any

from ingest.management.commands import reparse


class Command(reparse.Command):
    help = "Deprecated: use reparse."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stderr.write("`manage.py reread` is deprecated: use `manage.py reparse`.")
        super().handle(*args, **options)
