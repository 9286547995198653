"""How log lines look: text for a terminal, one JSON object a line for a machine.

Forty lines of our own rather than structlog: every line here is written through ``logging``, by
Django and gunicorn too, so the form is a matter of one formatter; events with bound context would
be a second way to log beside theirs. Whoever logs, the id of the request comes along.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from ingest import request_id

FORMATS = ("text", "json")


class TextFormatter(logging.Formatter):
    """Time, level, logger, message, the request's id in brackets; a trace on further lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without a trace."""
        line = super().formatMessage(record)
        identifier = request_id.current()
        return f"{line} [{identifier}]" if identifier else line


class JsonFormatter(logging.Formatter):
    """``time`` in UTC, ``level``, ``logger``, ``message``, ``request_id``; on a fault ``trace``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, whatever the message holds."""
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
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configuration(form: str, level: str) -> dict[str, Any]:
    """Return Django's ``LOGGING`` for lines of ``form`` to standard error, of ``level`` and up."""
    kinds = {"text": TextFormatter, "json": JsonFormatter}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": kinds[form]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
    }


def gunicorn_configuration(form: str) -> dict[str, Any]:
    """Return gunicorn's ``logconfig_dict``: its own lines look like ours."""
    own = {"level": "INFO", "handlers": ["stderr"], "propagate": False}
    return {**configuration(form, "INFO"), "loggers": {"gunicorn.error": own}}
