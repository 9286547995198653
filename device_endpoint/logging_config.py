"""Log formatters: text for a terminal, or one JSON object per line; both add the request id.

Not structlog: Django and gunicorn write through ``logging`` too, so one formatter covers every
line, whereas structlog would be a second way to log.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from identities import request_id

FORMATS = ("text", "json")


def _is_refusal(record: logging.LogRecord) -> bool:
    """Return whether Django logs a request that it refused, or that found the database away.

    A traceback says nothing more.
    """
    status = getattr(record, "status_code", 0)
    return 400 <= status < 500 or status == 503


class TextFormatter(logging.Formatter):
    """Time, level, logger, message, request id in brackets; a traceback on further lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        if _is_refusal(record):
            record.exc_info = record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without the traceback."""
        line = super().formatMessage(record)
        identifier = request_id.current()
        return f"{line} [{identifier}]" if identifier else line


class JsonFormatter(logging.Formatter):
    """``time`` (UTC), ``level``, ``logger``, ``message``, ``request_id``; ``trace`` on an error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, whatever characters the message contains."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if identifier := request_id.current():
            line["request_id"] = identifier
        if record.exc_info and not _is_refusal(record):
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configuration(form: str, level: str) -> dict[str, Any]:
    """Return Django's ``LOGGING``: lines of ``level`` and above in ``form`` to standard error."""
    formatters = {"text": TextFormatter, "json": JsonFormatter}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatters[form]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
    }


def gunicorn_configuration(form: str) -> dict[str, Any]:
    """Return gunicorn's ``logconfig_dict``, which gives its lines the same form."""
    own = {"level": "INFO", "handlers": ["stderr"], "propagate": False}
    return {**configuration(form, "INFO"), "loggers": {"gunicorn.error": own}}
