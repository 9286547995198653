"""The changes feed: which ranges of which series changed, in an order that skips nothing.

Its entries are the stored files, each for the series of its columns, and the rows that maintenance
writes (``ingest.maintenance.series_changes``). ``feed_cursor`` explains the order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from analysis.queries import feed_cursor
from analysis.queries.feed_cursor import START, FeedState, Position
from analysis.queries.read_database import connection
from identities import visibility
from identities.studies import StudyIdentity

KINDS = ("stored", "replaced", "withdrawn", "erased", "reparsed", "entered", "left")
MAX_TRANSACTION = 2**63 - 1
# Files are searched in windows of transactions, since the index only knows ranges of the table.
_WINDOW_GROWTH = 8

_FILES = """
SELECT m.transaction, m.sequence, m.identity_id, m.name, m.columns, m.series, m.replaced,
       m.first_ms, m.last_ms, m.id, m.received_at
FROM ingest_measurement m
WHERE m.transaction >= %(first)s AND m.transaction < %(end)s
  AND m.sequence > %(after)s AND m.sequence <= %(last)s AND m.status = 'stored'
  AND (%(identities)s::bigint[] IS NULL OR m.identity_id = ANY(%(identities)s::bigint[]))
ORDER BY m.transaction, m.sequence
LIMIT %(limit)s
"""
_ROWS = """
SELECT c.transaction, c.id, c.identity_number, c.name, c.kind, c.from_ms, c.to_ms,
       c.measurement_id, c.at, c.studies
FROM ingest_serieschange c
WHERE (c.transaction, c.id) > (%(transaction)s, %(number)s) AND c.transaction < %(horizon)s
ORDER BY c.transaction, c.id
LIMIT %(limit)s
"""
_NEWEST_FILE = """
SELECT m.transaction, m.sequence FROM ingest_measurement m WHERE m.status = 'stored'
ORDER BY m.id DESC LIMIT 1
"""
_NEWEST_ROW = """
SELECT c.transaction, c.id FROM ingest_serieschange c WHERE c.transaction < %s
ORDER BY c.transaction DESC, c.id DESC LIMIT 1
"""
_NAMES = "SELECT i.id, i.name FROM identities_identity i WHERE i.id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Change:
    """Samples of a series from ``from_ms`` to ``to_ms``, exclusive, changed; epoch milliseconds.

    ``identity`` is None once the identity is erased, ``measurement`` unless one file is the cause.
    """

    identity_id: int
    identity: str | None
    name: str
    from_ms: int
    to_ms: int
    kind: str
    measurement: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """Changes in order, and the cursor after them; ``has_more`` unless the end was reached."""

    changes: list[Change]
    cursor: str
    has_more: bool


@dataclass(frozen=True, slots=True)
class FeedScope:
    """Whose changes are read; ``identity_ids`` lists the identities of a small scope.

    ``is_study``: the reader asked for a study, and learns which identities enter and leave it.
    """

    scope: visibility.Scope = visibility.EVERYTHING
    identity_ids: frozenset[int] | None = None
    is_study: bool = False

    @classmethod
    def of(cls, scope: visibility.Scope, *, is_study: bool = False) -> FeedScope:
        """Return the identities of ``scope`` now."""
        if scope.is_everything:
            return EVERYTHING
        if scope.study_ids and not scope.is_small:
            return cls(scope, None, is_study)
        # An array, since a cluster joins no local table with the files.
        identity_ids = frozenset(scope.identities().values_list("pk", flat=True))
        return cls(scope, identity_ids, is_study)

    def select(self, identity_ids: Collection[int]) -> Collection[int]:
        """Return those of the identities that the reader may see."""
        if self.identity_ids is not None:
            return self.identity_ids
        if self.scope.study_ids is None or not identity_ids:
            return identity_ids
        taking_part = StudyIdentity.objects.filter(
            identity__in={*identity_ids}, study__in=self.scope.study_ids
        )
        return {*taking_part.order_by().values_list("identity_id", flat=True)}


EVERYTHING = FeedScope()


class _File(NamedTuple):
    """A row of ``_FILES``; ``series`` is JSON text."""

    transaction: int
    sequence: int
    identity_id: int
    name: str
    columns: list[str] | None
    series: str | None
    replaced: int
    first_ms: int | None
    last_ms: int | None
    id: UUID
    received_at: datetime


_Entry = tuple[Position, list[Change]]


def read_changes(
    after: str | None, *, limit: int, read_scope: Callable[[], FeedScope] = lambda: EVERYTHING
) -> ChangesPage:
    """Return the changes after a cursor, of at most ``limit`` files and acts of maintenance.

    ``read_scope`` is called once the horizon is known: an identity that enters a study later is
    reported later. Raises ``NotACursor``, or ``CursorExpired`` after a restore.
    """
    state = feed_cursor.read_state()
    position = START if after is None else feed_cursor.find_position(after, state)
    if position is None:
        return ChangesPage([], str(after), has_more=False)
    scope = read_scope()
    entries = sorted(
        [
            *_read_files(position, state.horizon, limit + 1, scope),
            *_read_rows(position, state.horizon, limit + 1, scope),
        ],
        key=lambda entry: entry[0],
    )
    has_more = len(entries) > limit
    entries = entries[:limit]
    if has_more or entries:
        position = entries[-1][0]
    if not has_more:
        position = max(position, _newest_position(state))
    changes = _name_identities([change for _, found in entries for change in found])
    return ChangesPage(changes, feed_cursor.encode_cursor(state, position), has_more)


def _read_files(position: Position, horizon: int, limit: int, scope: FeedScope) -> Iterator[_Entry]:
    """Yield up to ``limit`` files after ``position``, in order."""
    found = 0
    for window in _windows(position, horizon, limit):
        rows = _fetch_files(window, limit - found, scope)
        visible = scope.select([row.identity_id for row in rows])
        for row in rows:
            found += 1
            # Without a change where the reader sees none, so that the cursor moves on.
            changes = list(_changes_of_file(row)) if row.identity_id in visible else []
            yield Position(row.transaction, 0, row.sequence), changes
        if found == limit:
            return


def _windows(position: Position, horizon: int, size: int) -> Iterator[dict[str, int]]:
    """Yield ranges of transactions and sequences from ``position`` up to ``horizon``.

    First the rest of the position's transaction, which is large after a restore only, then
    ranges of growing size.
    """
    first = position.transaction
    if position != START and position.source == 0 and first < horizon:
        same = {"first": first, "end": first + 1}
        yield {**same, "after": position.number, "last": position.number + 100 * size}
        yield {**same, "after": position.number + 100 * size, "last": MAX_TRANSACTION}
    if position != START:
        first += 1
    size *= 4
    while first < horizon:
        end = min(first + size, horizon)
        yield {"first": first, "end": end, "after": -1, "last": MAX_TRANSACTION}
        first, size = end, size * _WINDOW_GROWTH


def _fetch_files(window: dict[str, int], limit: int, scope: FeedScope) -> list[_File]:
    identities = None if scope.identity_ids is None else sorted(scope.identity_ids)
    with connection.cursor() as cursor:
        cursor.execute(_FILES, {**window, "limit": limit, "identities": identities})
        return [_File(*row) for row in cursor.fetchall()]


def _changes_of_file(file: _File) -> Iterator[Change]:
    names = ("name", "replaced", "first_ms", "last_ms")
    of_series: list[dict[str, Any]] = [{name: getattr(file, name) for name in names}]
    if file.columns is not None and file.series is not None:
        of_series = json.loads(file.series)
    for each in of_series:
        if each["first_ms"] is not None:
            yield Change(
                identity_id=file.identity_id,
                identity=None,
                name=each["name"],
                from_ms=each["first_ms"],
                to_ms=each["last_ms"] + 1,
                kind="replaced" if each["replaced"] else "stored",
                measurement=file.id,
                at=file.received_at,
            )


def _read_rows(position: Position, horizon: int, limit: int, scope: FeedScope) -> Iterator[_Entry]:
    """Yield up to ``limit`` rows of maintenance after ``position``, in order.

    Rows that the reader is not to see are yielded without a change, so that the cursor moves on.
    """
    number = position.number if position.source else 0
    transaction = position.transaction
    parameters = {"transaction": transaction, "number": number, "horizon": horizon, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, parameters)
        rows = cursor.fetchall()
    visible = scope.select([row[2] for row in rows])
    for transaction, row_id, identity_id, name, kind, from_ms, to_ms, file, at, studies in rows:
        change = Change(identity_id, None, name, from_ms, to_ms, kind, file, at)
        changes: list[Change] = []
        if _is_visible(kind, identity_id in visible, studies, scope):
            changes = [change] if name else _of_each_series(change)
        yield Position(transaction, 1, row_id), changes


def _of_each_series(change: Change) -> list[Change]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM ingest_series_names(%s)", [change.identity_id])
        return [replace(change, name=name) for (name,) in cursor.fetchall()]


def _is_visible(kind: str, is_inside: bool, studies: Collection[int], scope: FeedScope) -> bool:
    study_ids = scope.scope.study_ids
    concerns = study_ids is None or not study_ids.isdisjoint(studies)
    if kind == "erased":
        return is_inside or concerns
    if kind in ("entered", "left"):
        # What holds now decides: an identity that left and entered again is entered.
        return scope.is_study and concerns and is_inside == (kind == "entered")
    return is_inside


def _newest_position(state: FeedState) -> Position:
    """Return a position near the end of the feed, whose entry exists.

    A reader of few identities does not search the files of all others again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST_FILE)
        row = cursor.fetchone()
    if row is None or row[0] >= state.horizon:
        return START
    return Position(row[0], 0, row[1])


def _name_identities(changes: list[Change]) -> list[Change]:
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [list({change.identity_id for change in changes})])
        names = dict(cursor.fetchall())
    return [replace(change, identity=names.get(change.identity_id)) for change in changes]


def find_end() -> str:
    """Return a cursor for a reader that copies everything first and follows from then on.

    All that is committed by then is seen by later statements, or comes after the cursor.
    """
    state = feed_cursor.read_state()
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST_ROW, [state.horizon])
        row = cursor.fetchone()
    newest = Position(row[0], 1, row[1]) if row else START
    return feed_cursor.encode_cursor(state, max(newest, _newest_position(state)))
