"""A device that renews its certificate if due, with a simulated power cut before its Nth act.

Run as a program: FOLDER URL AUTHORITIES N.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from device_client.api import DeviceApi
from device_client.errors import DeviceError
from device_client.renewal import Renewal
from device_client.retry import RetryPolicy
from device_client.state import StateFolder
from tests.client.power_loss import kill_before_act


def _fail(error: DeviceError) -> None:
    raise SystemExit(str(error))


def main(folder: str, url: str, authorities: str, number: str) -> None:
    kill_before_act(int(number))
    with (
        closing(StateFolder(Path(folder))) as state,
        closing(DeviceApi(url, state.credentials, Path(authorities))) as api,
    ):
        renewal = Renewal(state, api, lambda facts: None, _fail)
        renewal.ensure_registered("", RetryPolicy())
        renewal.attempt_renewal()
        api.whoami()


if __name__ == "__main__":
    main(*sys.argv[1:])
