"""``manage.py withdraw MEASUREMENT_ID``: withdraw a file uploaded by mistake."""

from __future__ import annotations

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from identities.management.base import current_account
from ingest.maintenance.rebuild import DamagedOriginals
from ingest.maintenance.withdrawal import NotWithdrawable, withdraw
from ingest.management.maintenance_command import MaintenanceCommand
from ingest.models import Measurement


class Command(MaintenanceCommand):
    help = (
        "Withdraw a file uploaded by mistake: its samples leave the series, the values they "
        "replaced return, and the file is kept, marked withdrawn."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "id", type=uuid.UUID, metavar="MEASUREMENT_ID", help="the id in the receipt"
        )
        parser.add_argument("--reason", required=True, metavar="TEXT", help="stored with the file")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        measurement = Measurement.objects.defer("content").filter(pk=options["id"]).first()
        if measurement is None:
            raise CommandError(f"There is no measurement {options['id']}.")
        try:
            done = withdraw(measurement, by=current_account(), reason=options["reason"])
        except (ValueError, NotWithdrawable) as error:
            raise CommandError(str(error)) from error
        except DamagedOriginals as error:
            raise CommandError(f"Its hours cannot be rebuilt: damaged files ({error}).") from error
        if options["json"]:
            self.write_json(
                {"id": str(measurement.pk), "hours": done.hours, "samples": done.samples}
            )
        else:
            self.stdout.write(
                f"Withdrawn {measurement.pk} ({measurement.name}): {done.hours:,} hours "
                f"rebuilt, with {done.samples:,} samples."
            )
