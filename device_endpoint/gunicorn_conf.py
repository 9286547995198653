"""gunicorn's settings for both doors; ``SERVICE`` says which one this process is.

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
    """What is used here of gunicorn's master and workers."""

    pid: int


# sysexits.h: a wrong configuration. systemd is told not to start again what ended with it.
EX_CONFIG = 78


@contextlib.contextmanager
def _refused_in_one_line() -> Iterator[None]:
    try:
        yield
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no logger yet
        sys.exit(EX_CONFIG)


with _refused_in_one_line():
    _door = read_choice("SERVICE", "device", ("device", "staff"))
    _metrics = metrics_folder() / _door
    # Read here too: a worker that finds them wrong would say so in a page of traces.
    importlib.import_module(f"device_endpoint.settings.{_door}")
    # Nobody but nginx connects: the folder is closed to others, the socket open to the group.
    bind = read_list("GUNICORN_BIND", [f"unix:{socket_folder('run') / f'{_door}.sock'}"])
    logconfig_dict = logging_config.gunicorn_configuration(
        read_choice("LOG_FORMAT", "text", logging_config.FORMATS)
    )
    if _door == "device":
        # Uploads are work for the processor: threads would only wait for each other.
        workers = read_int("DEVICE_WORKERS", os.cpu_count() or 1, 1, 1024)
        worker_class = "device_endpoint.gunicorn_worker.DeviceWorker"
        timeout = read_int("DEVICE_TIMEOUT_SECONDS", 30, 1)
    else:
        # Exports and pages wait for the database and for their readers.
        workers = read_int("STAFF_WORKERS", 2, 1, 1024)
        worker_class = "gthread"
        threads = read_int("STAFF_THREADS", 4, 1, 1024)
        timeout = read_int("STAFF_TIMEOUT_SECONDS", 60, 1)

chdir = str(PROJECT_DIR)
proc_name = f"device_endpoint-{_door}"
wsgi_app = f"device_endpoint.{_door}_wsgi:application"
umask = 0o007
control_socket_disable = True
forwarded_allow_ips = ""
# Django reads nginx's X-Forwarded-Proto itself; gunicorn would refuse whole requests for a client's
# X-Forwarded-Ssl that says otherwise.
secure_scheme_headers: dict[str, str] = {}
graceful_timeout = 30

# nginx has bounded the head of the request already and answers in JSON what is too long; what it
# lets through must not meet gunicorn's own HTML. TLS takes certificates of up to 100 KB, which
# make, escaped, one header field of 150 KB: refusing them is the application's to do.
limit_request_line = 0
limit_request_fields = 32768
limit_request_field_size = 1 << 18

# A reload is to load new code: nothing of ours that was read above is left for the workers.
preload_app = False
for _name in [name for name in sys.modules if name.startswith("device_endpoint.")]:
    del sys.modules[_name]

# nginx writes the access log; errors go to standard error, where the supervisor keeps them.
logger_class = "device_endpoint.gunicorn_logger.ErrorLog"
errorlog = "-"

# Each door counts in a folder of its own; prometheus_client looks here when it is imported.
raw_env = [f"PROMETHEUS_MULTIPROC_DIR={_metrics}"]


def on_starting(server: _Process) -> None:
    """Begin to count anew: what an earlier master left would be added up for ever."""
    shutil.rmtree(_metrics, ignore_errors=True)
    _metrics.mkdir(parents=True, exist_ok=True)


def child_exit(server: _Process, worker: _Process) -> None:
    """Take the gauges of a worker that ended out of the sums."""
    # Imported when raw_env is in force: on import it decides for good how values are kept.
    from prometheus_client import multiprocess  # noqa: PLC0415

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
