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
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
