#!/usr/bin/env python3
"""Run a management command; ``manage.py help`` lists them."""

import os
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "device_endpoint.settings.staff")
    # simulate_device uses the device client, which is a separate package.
    sys.path.append(str(Path(__file__).resolve().parent / "client"))
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"{error}")  # an unusable setting: one line, no traceback


if __name__ == "__main__":
    main()
