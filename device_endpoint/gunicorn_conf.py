"""gunicorn's settings for both services; ``SERVICE`` selects the one that this process runs.

``SERVICE=device gunicorn --config device_endpoint/gunicorn_conf.py device_endpoint.device_wsgi``
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Protocol

from django.core.exceptions import ImproperlyConfigured

from device_endpoint import logging_config
from device_endpoint.env import (
    PROJECT_DIR,
    metrics_folder,
    read_choice,
    read_int,
    read_list,
    socket_folder,
)


class _Process(Protocol):
    """The attributes of gunicorn's master and workers that are used here."""

    pid: int


# sysexits.h: configuration error. The systemd units do not restart after this exit status.
EX_CONFIG = 78


@contextlib.contextmanager
def _configuration_errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no logger yet
        sys.exit(EX_CONFIG)


with _configuration_errors_in_one_line():
    _service = read_choice("SERVICE", "device", ("device", "staff"))
    _metrics = metrics_folder() / _service
    # Imported here too: an error in a worker would be reported with a long traceback.
    importlib.import_module(f"device_endpoint.settings.{_service}")
    # Only nginx connects: the folder is closed to others, the socket open to the group.
    bind = read_list("GUNICORN_BIND", [f"unix:{socket_folder('run') / f'{_service}.sock'}"])
    logconfig_dict = logging_config.gunicorn_configuration(
        read_choice("LOG_FORMAT", "text", logging_config.FORMATS)
    )
    if _service == "device":
        # Uploads are bound by the processor: threads would only wait for each other.
        workers = read_int("DEVICE_WORKERS", os.cpu_count() or 1, 1, 1024)
        worker_class = "device_endpoint.gunicorn_worker.DeviceWorker"
        timeout = read_int("DEVICE_TIMEOUT_SECONDS", 30, 1)
    else:
        # Exports and pages wait for the database and for slow clients.
        workers = read_int("STAFF_WORKERS", 2, 1, 1024)
        worker_class = "device_endpoint.gunicorn_worker.StaffWorker"
        threads = read_int("STAFF_THREADS", 8, 1, 1024)
        timeout = read_int("STAFF_TIMEOUT_SECONDS", 60, 1)

chdir = str(PROJECT_DIR)
proc_name = f"device_endpoint-{_service}"
wsgi_app = f"device_endpoint.{_service}_wsgi:application"
umask = 0o007
control_socket_disable = True
forwarded_allow_ips = ""
# Django reads nginx's X-Forwarded-Proto itself; gunicorn would reject requests whose client sent a
# contradicting X-Forwarded-Ssl.
secure_scheme_headers: dict[str, str] = {}
graceful_timeout = 30  # then a reload or a stop ends what is still being sent

# nginx already limits the request head and answers in JSON; gunicorn's HTML errors must not occur.
# TLS accepts certificates of up to 100 KB, which are escaped to one header field of 150 KB: the
# application refuses them.
limit_request_line = 0
limit_request_fields = 32768
limit_request_field_size = 1 << 18

# A reload must load new code: modules imported above are not inherited by the workers.
preload_app = False
for _name in [name for name in sys.modules if name.startswith("device_endpoint.")]:
    del sys.modules[_name]

# nginx writes the access log; errors go to standard error, which the supervisor or systemd logs.
logger_class = "device_endpoint.gunicorn_worker.ErrorLog"
errorlog = "-"

# Each service has its own metrics folder; prometheus_client reads the variable when imported.
raw_env = [f"PROMETHEUS_MULTIPROC_DIR={_metrics}"]


def on_starting(server: _Process) -> None:
    """Clear metrics left by the previous master, which would be added to the sums for ever."""
    shutil.rmtree(_metrics, ignore_errors=True)
    _metrics.mkdir(parents=True, exist_ok=True)


def child_exit(server: _Process, worker: _Process) -> None:
    """Remove the gauges of an ended worker from the sums."""
    # Imported after raw_env is in force: the import chooses how values are stored.
    from prometheus_client import multiprocess  # noqa: PLC0415

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
