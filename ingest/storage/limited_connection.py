"""A connection to a cluster that is given up when a statement gets no answer.

PostgreSQL answers a statement that reaches its ``statement_timeout`` with an error. The coordinator
of a cluster does not if it waits for a frozen node: it cancels the statement there, over the same
connection, and waits for the outcome. Then the client has to end the wait. It sends no
cancellation, which the coordinator could not carry out either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

import psycopg
from psycopg import generators, pq
from psycopg.abc import PQGen

_T = TypeVar("_T")


class NoAnswer(psycopg.OperationalError):
    """The server did not answer within the limit of the connection, which is closed."""


class LimitedConnection(psycopg.Connection[Any]):
    """A connection whose statements, COMMIT and ROLLBACK too, end after ``limit_seconds``.

    They raise ``NoAnswer`` then.
    """

    limit_seconds: float

    @classmethod
    def apply_to(cls, session: psycopg.Connection[Any], limit_seconds: float) -> None:
        """Limit the statements of ``session`` from now on."""
        # The database says whether it is a cluster, so the class is known after connecting only.
        limited = cast("LimitedConnection", session)
        limited.__class__ = cls
        limited.limit_seconds = limit_seconds

    def run(self, send: Callable[[], None]) -> pq.abc.PGresult:
        """Return the result of the command of libpq that ``send`` sends."""

        def command() -> PQGen[pq.abc.PGresult]:
            send()
            results: list[pq.abc.PGresult] = yield from generators.execute(self.pgconn)
            return results[-1]

        return self.wait(command())

    def wait(self, gen: PQGen[_T], *arguments: Any, **options: Any) -> _T:
        ends_at = time.monotonic() + self.limit_seconds

        def check() -> None:
            if time.monotonic() > ends_at:
                self.pgconn.finish()
                raise NoAnswer("the database does not answer: the connection is given up")

        return super().wait(check_while_waiting(gen, check), *arguments, **options)


def check_while_waiting(gen: PQGen[_T], check: Callable[[], None]) -> Generator[Any, Any, _T]:
    """Wrap a generator of psycopg; ``check`` is called while the server sends nothing.

    psycopg resumes a generator every tenth of a second with what is ready, often nothing.
    """
    ready = None
    while True:
        try:
            wanted = gen.send(ready)  # type: ignore[arg-type] # None starts a generator
        except StopIteration as end:
            result: _T = end.value
            return result
        ready = yield wanted
        if not ready:
            check()
