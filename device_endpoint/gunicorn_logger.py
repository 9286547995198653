"""gunicorn's log without its access log: nginx writes that."""

from __future__ import annotations

from gunicorn.glogging import Logger  # type: ignore[import-untyped]


class ErrorLog(Logger):  # type: ignore[misc] # gunicorn has no types
    """Leaves out what gunicorn prepares for each request, even where no handler takes it."""

    def access(self, resp: object, req: object, environ: object, request_time: object) -> None:
        """Write nothing."""
