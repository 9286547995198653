"""``python -m device_endpoint.healthcheck``: exit status 0 if this container's service answers.

Any HTTP response counts, including the refusal of a request without nginx's secret.
"""

from __future__ import annotations

import sys

from device_endpoint.env import read_choice
from device_endpoint.local_probe import speaks_http

TIMEOUT_SECONDS = 4.0

if __name__ == "__main__":
    service = read_choice("SERVICE", "device", ("device", "staff"))
    sys.exit(0 if speaks_http(service, TIMEOUT_SECONDS) else 1)
