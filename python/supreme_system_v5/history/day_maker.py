"""Rows from anywhere to day files: split by day, checked, sorted where they must be, holes filled where they can be.

The same rows give the same files, in whatever pieces they came and however often it was interrupted.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, Final

from supreme_system_v5.history.kinds import DAY_MS, Range, day_of, day_start_ms
from supreme_system_v5.history.parquet import Chunk
from supreme_system_v5.history.report import CONFLICT, DUPLICATE, GAP, IMPOSSIBLE, MISALIGNED, ORDER, Finding, Report
from supreme_system_v5.history.store import SOURCE_NOTE, DayWriting, Series, Store, copied, cut
from supreme_system_v5.history.validate import (
    Checker,
    OutOfOrder,
    chunk_of_columns,
    columns_of_chunk,
    in_order,
)

FOUND_NOTE: Final = "found"  # what is no longer to be seen in a stored day: rows left out or sorted
FILLED_NOTE: Final = "filled_rows"
FILL_PLACES_MAX: Final = 200
_GONE: Final = (DUPLICATE, CONFLICT, ORDER, IMPOSSIBLE, MISALIGNED)

Fill = Callable[[Finding], Iterator[Chunk]]
Source = Callable[[], Iterator[Chunk]]


class DayMaker:
    """Stores the days of one series. ``fill`` asks elsewhere for what a gap lacks; ``source`` is noted in each file."""

    def __init__(self, store: Store, wanted: Series, fill: Fill | None = None, source: str = "") -> None:
        self._store = store
        self._wanted = wanted
        self._fill = fill
        self._source = source

    def put_all(
        self,
        source: Source,
        span: Range,
        until_ms: int = 0,
        on_day: Callable[[date], None] = lambda _: None,
        is_wanted: Callable[[date], bool] = lambda _: True,
    ) -> list[date]:
        """Store the days within ``span`` of what ``source`` gives; returns those that had rows.

        ``until_ms``: the last day is known up to then only. Rows outside of the span, or of a day that is not wanted,
        are not looked at.
        """
        done: list[date] = []
        try:
            for day, chunks in split_days(source(), span):
                if day in done:
                    raise OutOfOrder
                if not is_wanted(day):
                    continue
                self._put_day(day, chunks, until_ms, False)
                done.append(day)
                on_day(day)
        except OutOfOrder:
            told = set(done)
            done = self._put_sorted(source, span, until_ms, is_wanted)
            for day in done:
                if day not in told:
                    on_day(day)
        return done

    def _put_sorted(
        self,
        source: Source,
        span: Range,
        until_ms: int,
        is_wanted: Callable[[date], bool],
    ) -> list[date]:
        """Once more, a day at a time and each in memory: the rows are not in the order of time."""
        found: set[date] = set()
        for chunk in source():
            times = columns_of_chunk(chunk)[0]
            inside = times[(times >= span.from_ms) & (times < span.to_ms)]
            found.update(day_of(int(start) * DAY_MS) for start in set((inside // DAY_MS).tolist()))
        days = [day for day in sorted(found) if is_wanted(day)]
        for day in days:
            begin_ms = day_start_ms(day)
            part = Range(max(begin_ms, span.from_ms), min(begin_ms + DAY_MS, span.to_ms))
            self._put_day(day, _inside(self._wanted.kind, source(), part), until_ms, True)
        return days

    def _put_day(self, day: date, chunks: Iterable[Chunk], until_ms: int, is_mixed: bool) -> None:
        begin_ms = day_start_ms(day)
        end_ms = begin_ms + DAY_MS
        known_ms = until_ms if begin_ms < until_ms < end_ms else 0
        with self._store.write(self._wanted, day, known_ms) as writing:
            if self._source:
                writing.notes[SOURCE_NOTE] = self._source
            report = Report(str(self._wanted), self._wanted.kind)
            if is_mixed:
                chunks = in_order(self._wanted.kind, chunks, report)
            self._check(chunks, report, writing, known_ms or end_ms, begin_ms, is_mixed)
            gaps = report.of(GAP)
            if gaps and self._fill is not None:
                self._fill_gaps(gaps[:FILL_PLACES_MAX], writing)
            gone = [found for found in report.findings if found.kind in _GONE]
            if gone:
                rows = [[f.kind, f.from_ms, f.to_ms, f.number] for f in gone]
                writing.notes[FOUND_NOTE] = json.dumps(rows, separators=(",", ":"))

    def _check(
        self, chunks: Iterable[Chunk], report: Report, writing: DayWriting, to_ms: int, from_ms: int, is_sorted: bool
    ) -> None:
        checker = Checker(self._wanted.kind, report, from_ms, is_sorted=is_sorted)
        for chunk in chunks:
            kept = checker.check(chunk)
            if kept is not None:
                writing.add(kept)
        checker.finish(to_ms)

    def _fill_gaps(self, gaps: list[Finding], writing: DayWriting) -> None:
        """Put in what is found elsewhere; the day is in memory for that."""
        assert self._fill is not None
        more = [copied(chunk) for gap in gaps for chunk in self._fill(gap)]
        if not more:
            return
        scratch = Report("", "")
        together = in_order(self._wanted.kind, [*writing.take_back(), *more], scratch)
        checker = Checker(self._wanted.kind, scratch, is_sorted=True)
        for chunk in together:
            kept = checker.check(chunk)
            if kept is not None:
                writing.add(kept)
        writing.notes[FILLED_NOTE] = str(sum(chunk.rows for chunk in more))


def split_days(chunks: Iterator[Chunk], span: Range) -> Iterator[tuple[date, Iterator[Chunk]]]:
    """The chunks of each day within the span, in their order. Raises OutOfOrder where a chunk goes back to a day."""

    def parts() -> Iterator[tuple[date, Chunk]]:
        for chunk in chunks:
            times = columns_of_chunk(chunk)[0]
            if len(times) > 1 and bool((times[1:] < times[:-1]).any()):
                raise OutOfOrder
            first_ms, last_ms = int(times[0]), int(times[-1])
            for start_ms in range(first_ms - first_ms % DAY_MS, last_ms + 1, DAY_MS):
                part = Range(max(start_ms, span.from_ms), min(start_ms + DAY_MS, span.to_ms))
                found = cut(chunk, part) if part.from_ms < part.to_ms else None
                if found is not None:
                    yield day_of(start_ms), found

    for day, group in itertools.groupby(parts(), key=lambda item: item[0]):
        yield day, (chunk for _, chunk in group)


def _inside(kind: str, chunks: Iterable[Chunk], span: Range) -> Iterator[Chunk]:
    for chunk in chunks:
        columns: list[Any] = columns_of_chunk(chunk)
        inside = (columns[0] >= span.from_ms) & (columns[0] < span.to_ms)
        if inside.any():
            yield chunk_of_columns(kind, [column[inside] for column in columns])


def found_notes(notes: dict[str, str], report: Report) -> None:
    """Tell a report what was left out or sorted when a day was stored."""
    for kind, from_ms, to_ms, number in json.loads(notes.get(FOUND_NOTE, "[]")):
        report.add(Finding(kind, from_ms, to_ms, number))
