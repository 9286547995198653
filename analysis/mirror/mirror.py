"""Keep a Parquet data set equal to the stored samples, from the changes feed.

A first run copies every series, then follows the feed from the cursor taken before. A step writes
the files of the ranges that the feed names, as they are stored now, and keeps the cursor after it.
So a step can be repeated: a run that was killed anywhere is continued by the next one. After a
restore of the database, when the cursor has expired, everything is copied again and files of what
is no longer stored are deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from django.db import connection

from analysis.mirror import series_files
from analysis.mirror.series_files import Range, Written
from analysis.mirror.target import InvalidTarget, Target
from analysis.queries import changes
from analysis.queries.changes import FeedScope
from analysis.queries.feed_cursor import CursorExpired, NotACursor
from analysis.queries.series import find_series_by_number
from identities import visibility
from identities.models import Identity
from ingest.time_range import EARLIEST_MS, LATEST_MS

STATE, NAMES = "_mirror.json", "_mirror_names.json"
FORMAT = 1
WHOLE_RANGE: Range = (EARLIEST_MS, LATEST_MS)
SERIES_PER_STEP = 2_000
CHANGES_PER_PAGE = 10_000
RANGES_PER_SERIES = 100
IDENTITIES_PER_STEP = 20


@dataclass(slots=True)
class State:
    """What ``_mirror.json`` holds.

    ``cursor`` is that of the changes feed. ``copied_to`` is the number of the last identity that
    the first copy has done, None once it is complete. Months before ``open_month`` are closed.
    """

    study: str | None
    format: int = FORMAT
    cursor: str = ""
    copied_to: int | None = 0
    open_month: str = ""


@dataclass(slots=True)
class Mirror:
    """A mirror of a study, by its name, or with None of everything."""

    target: Target
    study: str | None = None
    is_stopping: Callable[[], bool] = lambda: False
    done: Written = field(default_factory=Written)
    month: str = ""

    def synchronise(self) -> Written:
        """Bring the mirror up to date and return what was done.

        Raises ``InvalidTarget``, ``Study.DoesNotExist``, ``OSError`` and ``django.db.Error``; the
        next run continues.
        """
        self.done, self.month = Written(), series_files.this_month()
        self.target.prepare()
        state = self._load()
        if not state.cursor:
            state.cursor = changes.find_end()
        self._copy(state)
        self._rename()
        try:
            self._follow(state)
        except (CursorExpired, NotACursor):
            state.cursor, state.copied_to = changes.find_end(), 0
            self._copy(state)
            self._follow(state)
        self._close_months(state)
        return self.done

    # --- State -----------------------------------------------------------------------------
    def _load(self) -> State:
        document = self.target.read_json(STATE)
        if document is None:
            if not self.target.is_empty():
                raise InvalidTarget("The target has files, but is no mirror: name an empty one.")
            return State(self.study, open_month=self.month)
        if document.get("format") != FORMAT:
            raise InvalidTarget("Another release keeps this mirror: name an empty target.")
        state = State(**document)
        if state.study != self.study:
            kept = "everything" if state.study is None else f"the study {state.study!r}"
            raise InvalidTarget(f"This is a mirror of {kept}: name another target.")
        return state

    def _save(self, state: State) -> None:
        self.target.write_json(STATE, asdict(state))

    # --- Copy ------------------------------------------------------------------------------
    def _copy(self, state: State) -> None:
        """Copy every identity that is not copied yet, and delete what is no longer stored."""
        if state.copied_to is None:
            return
        self._save(state)
        numbers = self._all_numbers()
        self._remember_names(numbers)
        for place, number in enumerate(number for number in numbers if number > state.copied_to):
            if self.is_stopping():
                return
            self._write_identity(number)
            state.copied_to = number
            if place % IDENTITIES_PER_STEP == 0:
                self._save(state)
        for folder in self.target.folders():
            if folder not in {series_files.folder_of_identity(number) for number in numbers}:
                self._delete(folder)
        state.copied_to = None
        self._save(state)

    def _write_identity(self, number: int) -> None:
        names = _series_names(number)
        for name in names:
            self._write_series(number, name, [WHOLE_RANGE])
        for folder in self.target.folders(series_files.folder_of_identity(number)):
            if folder.removeprefix("name=") not in names:
                self._delete(f"{series_files.folder_of_identity(number)}/{folder}")

    def _write_series(self, number: int, name: str, ranges: list[Range]) -> None:
        series = find_series_by_number(number, name)
        if series is None:
            self._delete(series_files.folder_of_series(number, name))
        else:
            series_files.write_series(self.target, series, ranges, self.month, self.done)

    def _delete(self, folder: str) -> None:
        if folder.startswith("identity_id=") and self.target.delete_folder(folder):
            self.done.deleted += 1

    # --- Follow ----------------------------------------------------------------------------
    def _follow(self, state: State) -> None:
        """Carry out what the feed names, in steps."""
        is_complete = state.copied_to is not None  # stopped while copying
        while not is_complete and not self.is_stopping():
            ranges, cursor, is_complete = self._read_step(state.cursor)
            if not self._carry_out(ranges):
                return
            if cursor != state.cursor:
                state.cursor = cursor
                self._save(state)

    def _read_step(self, after: str) -> tuple[dict[tuple[int, str], list[Range]], str, bool]:
        """Return the changed ranges of each series, the next cursor, and whether the feed ends."""
        ranges: dict[tuple[int, str], list[Range]] = {}
        while len(ranges) < SERIES_PER_STEP:
            page = changes.read_changes(after, limit=CHANGES_PER_PAGE, read_scope=self._scope)
            for change in page.changes:
                known = ranges.setdefault((change.identity_id, change.name), [])
                known.append((change.from_ms, change.to_ms))
                if len(known) > RANGES_PER_SERIES:
                    known[:] = [(min(start for start, _ in known), max(end for _, end in known))]
            after = page.cursor
            if not page.has_more:
                return ranges, after, True
        return ranges, after, False

    def _carry_out(self, ranges: dict[tuple[int, str], list[Range]]) -> bool:
        """Write or delete the files of these ranges; return False if stopped before the end."""
        if not ranges:
            return True
        numbers = {number for number, _ in ranges}
        visible = self._scope().select(numbers)
        existing = {number for number in self._existing(numbers) if number in visible}
        self._remember_names(sorted(existing))
        for number in numbers - existing:
            self._delete(series_files.folder_of_identity(number))
        for (number, name), changed in sorted(ranges.items()):
            if self.is_stopping():
                return False
            if number in existing:
                self._write_series(number, name, changed)
        return True

    def _close_months(self, state: State) -> None:
        """Put the files of days into one for each month that has ended."""
        if state.open_month >= self.month or state.copied_to is not None:
            return
        days = series_files.months_to_close(self.target.files(), self.month)
        for number, name, month in sorted(days):
            if self.is_stopping():
                return
            self._write_series(number, name, [series_files.range_of(month)])
        state.open_month = self.month
        self._save(state)

    # --- Names -----------------------------------------------------------------------------
    def _rename(self) -> None:
        """Write the files of identities again whose name, a column, has changed."""
        known = self.target.read_json(NAMES) or {}
        names = dict(Identity.objects.values_list("pk", "name"))
        renamed = [int(n) for n in known if names.get(int(n), known[n]) != known[n]]
        for number in renamed:
            self._write_identity(number)
        if renamed or not known.keys() <= {str(number) for number in names}:
            kept = {n: names[int(n)] for n in known if int(n) in names}
            self.target.write_json(NAMES, kept)

    def _remember_names(self, numbers: list[int]) -> None:
        """Keep the names before files are written with them."""
        known = self.target.read_json(NAMES) or {}
        missing = [number for number in numbers if str(number) not in known]
        if missing:
            found = Identity.objects.filter(pk__in=missing).values_list("pk", "name")
            self.target.write_json(NAMES, known | {str(pk): name for pk, name in found})

    # --- The database ----------------------------------------------------------------------
    def _scope(self) -> FeedScope:
        scope = visibility.EVERYTHING if self.study is None else find_study(self.study)
        return FeedScope.of(scope, is_study=self.study is not None)

    def _all_numbers(self) -> list[int]:
        return sorted(self._scope().scope.identities().values_list("pk", flat=True))

    def _existing(self, numbers: set[int]) -> Iterator[int]:
        return Identity.objects.filter(pk__in=numbers).values_list("pk", flat=True).iterator()


def find_study(name: str) -> visibility.Scope:
    """Return the scope of the study with its sites; raise ``Study.DoesNotExist``."""
    return visibility.EVERYTHING.in_study(name)


def _series_names(number: int) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM ingest_series_names(%s)", [number])
        return {name for (name,) in cursor.fetchall()}
