#!/usr/bin/env python3
"""Run one of the project's commands; ``manage.py help`` lists them."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "device_endpoint.settings.staff")
    # simulate_device is the device client at work, which is a package of its own.
    sys.path.append(str(Path(__file__).resolve().parent / "client"))
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"{error}")  # a setting that cannot be used: one line, no trace


if __name__ == "__main__":
    main()
