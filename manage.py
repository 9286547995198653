#!/usr/bin/env python3
"""Run a management command; ``manage.py help`` lists them."""

import os
import sys
from pathlib import Path

# Former names of commands, kept for one release.
RENAMED = {"reread": "reparse", "watch": "monitor_devices"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "device_endpoint.settings.staff")
    # simulate_device uses the device client, which is a separate package.
    sys.path.append(str(Path(__file__).resolve().parent / "client"))
    if new_name := RENAMED.get("".join(sys.argv[1:2])):
        message = f"`manage.py {sys.argv[1]}` is deprecated: use `manage.py {new_name}`."
        print(message, file=sys.stderr)  # noqa: T201 - there is no command yet
        sys.argv[1] = new_name
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"{error}")  # an unusable setting: one line, no traceback


if __name__ == "__main__":
    main()
