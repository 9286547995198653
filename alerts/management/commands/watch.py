"""``manage.py watch``: the former name of ``monitor_devices``, kept for one release."""

from __future__ import annotations

from typing import Any

from alerts.management.commands import monitor_devices


class Command(monitor_devices.Command):
    help = "Deprecated: use monitor_devices."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stderr.write("`manage.py watch` is deprecated: use `manage.py monitor_devices`.")
        super().handle(*args, **options)
