"""Download history: archives for the days they have, REST for the others; a day is stored whole or not at all.

Interrupted anywhere, the next run goes on: days that are stored are not asked for again, a zip goes on where it was
left, trades that came over REST are kept page by page.
"""

from __future__ import annotations

import calendar
import contextlib
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.archive import ArchiveFetcher, ArchiveFile, archive_file
from supreme_system_v5.history.columns import TradeChunk
from supreme_system_v5.history.csv_files import csv_form, head_of, read_csv
from supreme_system_v5.history.day_maker import DayMaker
from supreme_system_v5.history.http import Http, NetworkError
from supreme_system_v5.history.kinds import (
    BARS,
    DAY_MS,
    MINUTE_MS,
    DataError,
    Range,
    day_of,
    day_start_ms,
    days_of,
    time_text,
)
from supreme_system_v5.history.pages import Pages
from supreme_system_v5.history.parquet import Chunk
from supreme_system_v5.history.progress import Progress
from supreme_system_v5.history.report import Finding, Report
from supreme_system_v5.history.store import SIMULATED, Series, Store, cut, writing
from supreme_system_v5.history.survey import save_report, survey_store
from supreme_system_v5.history.venue_rest import SETTLE_MS, VenueRest

CACHE: Final = "cache"
LOCK: Final = ".lock"
FILL_IDS_MAX: Final = 100_000  # a larger hole in the ids is no slip: it is reported


class Sources(NamedTuple):
    """Where data comes from: base addresses."""

    archive_url: str
    rest_url: str


class Outcome(NamedTuple):
    """What a download came to. ``failures``: days that are not stored, each with the reason."""

    stored: int
    were_there: int
    rows: int
    failures: list[str]
    reports: list[Report]


class Download:
    """One symbol of one market, ``kinds`` one after the other. ``span``: whole days."""

    def __init__(
        self,
        store: Store,
        market: str,
        symbol: str,
        kinds: tuple[str, ...],
        span: Range,
        sources: Sources,
        is_shown: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._series = [Series(market, symbol, kind) for kind in kinds]
        self._span = span
        self._sources = sources
        self._progress = Progress("days", 1, is_shown=False)
        self._http = Http(self._say, sleep)
        self._rest = VenueRest(self._http, sources.rest_url, market, symbol)
        self._fetcher = ArchiveFetcher(self._http, store.folder / CACHE, self._count_bytes)
        self._is_shown = is_shown
        self._now_ms = 0  # by the venue's clock
        self._first_ms = 0  # of the venue's first bar from the beginning of the range on; 0 = it has none
        self._has_rest = True
        self._failures: list[str] = []
        self._stored = 0

    def run(self) -> Outcome:
        """Fetch what is missing. Raises ConfigError, and NetworkError when nothing can be reached."""
        with alone(self._store.folder), contextlib.closing(self._http):
            self._ask_time()
            span = self._known_span()
            wanted = [(series, self._missing(series, span)) for series in self._series]
            total = sum(len(days) for _, days in wanted)
            there = len(list(days_of(span))) * len(self._series) - total
            self._progress = Progress("days", total, is_shown=self._is_shown and total > 0)
            try:
                for series, days in wanted:
                    self._fetch_days(series, days)
            finally:
                self._progress.close()
            reports = [survey_store(self._store, series, span) for series in self._series]
            for series, report in zip(self._series, reports, strict=True):
                if report.rows_in:
                    save_report(self._store, series, report)
        return Outcome(self._stored, there, sum(report.rows_out for report in reports), self._failures, reports)

    def _say(self, text: str) -> None:
        self._progress.say(text)

    def _count_bytes(self, count: int) -> None:
        self._progress.add_bytes(count)

    # What to fetch -----------------------------------------------------------------------------------------------

    def _ask_time(self) -> None:
        """The venue's clock says which days are over; where REST is not to be had, this machine's."""
        try:
            self._now_ms = self._rest.time_ms()
            self._first_ms = self._rest.first_bar_ms(self._span.from_ms)
        except NetworkError as error:
            self._now_ms = int(time.time() * 1_000)
            self._first_ms = self._span.from_ms
            self._has_rest = False
            self._say(f"note: {error.message}; going on with the archives alone")

    def _known_span(self) -> Range:
        """The range without the days to come."""
        end_ms = self._now_ms - self._now_ms % DAY_MS + DAY_MS
        if self._span.from_ms >= end_ms:
            raise ConfigError(
                f"FROM={day_of(self._span.from_ms)} is in the future", f"today is {day_of(self._now_ms)} (UTC)"
            )
        found = Range(self._span.from_ms, min(self._span.to_ms, end_ms))
        first_ms = self._first_ms - self._first_ms % DAY_MS
        if not found.from_ms <= first_ms < found.to_ms:
            symbol = f"{self._series[0].market} {self._series[0].symbol}"
            raise ConfigError(
                f"the venue has nothing of {symbol} from {day_of(found.from_ms)} to {day_of(found.to_ms - 1)}",
                f"its first bar after that is of {day_of(first_ms)}" if first_ms else "choose later days",
            )
        if first_ms > found.from_ms:
            self._say(f"note: the venue's first bar is of {time_text(self._first_ms)}; what is before cannot be had")
        return Range(first_ms, found.to_ms)

    def _missing(self, series: Series, span: Range) -> list[date]:
        return [
            day
            for day in days_of(span)
            if self._store.known_until_ms(series, day) < min(day_start_ms(day) + DAY_MS, self._final_ms())
        ]

    def _final_ms(self) -> int:
        """Up to when everything is final by now: whole minutes."""
        return (self._now_ms - SETTLE_MS) // MINUTE_MS * MINUTE_MS

    # Fetching ----------------------------------------------------------------------------------------------------

    def _fetch_days(self, series: Series, days: list[date]) -> None:
        for _, group in itertools.groupby(days, key=lambda day: (day.year, day.month)):
            month = list(group)
            done = self._fetch_month(series, month)
            for day in month:
                if day not in done:
                    self._fetch_one(series, day)

    def _fetch_one(self, series: Series, day: date) -> None:
        """Data that cannot be used costs its day, not the run; a network that is gone ends it."""
        try:
            self._fetch_day(series, day)
        except DataError as error:
            self._failures.append(f"{series} {day}: {error.message}")
            self._say(f"{series} {day}: {error}")

    def _fetch_month(self, series: Series, days: list[date]) -> list[date]:
        """The days of a whole month from one file; none where there is no such file, or it is not what it should be."""
        last = calendar.monthrange(days[0].year, days[0].month)[1]
        span = Range(day_start_ms(days[0].replace(day=1)), day_start_ms(days[0].replace(day=last)) + DAY_MS)
        file = archive_file(self._sources.archive_url, series, days[0], True)
        if span.to_ms > self._now_ms or (len(days) < last and not self._fetcher.has_begun(series, file)):
            return []
        try:
            return self._from_archive(series, file, span, set(days))
        except DataError as error:
            self._say(f"{series}: {error.message}; asking for its days one by one")
            return []

    def _fetch_day(self, series: Series, day: date) -> list[date]:
        span = Range(day_start_ms(day), day_start_ms(day) + DAY_MS)
        done: list[date] = []
        if span.to_ms <= self._now_ms:
            done = self._from_archive(series, archive_file(self._sources.archive_url, series, day, False), span, {day})
        if not done:
            done = self._from_rest(series, day, span)
        if not done:
            raise DataError(f"neither the archive nor REST has anything of {time_text(span.from_ms)[:10]}", "")
        return done

    def _from_archive(self, series: Series, file: ArchiveFile, span: Range, days: set[date]) -> list[date]:
        self._progress.at(file.name)
        path = self._fetcher.fetch(series, file)
        if path is None:
            return []
        try:
            form = csv_form(head_of(path))
            if form is None or form.kind != series.kind:
                raise DataError(f"{file.url} does not hold {series.kind}", "is BINANCE_ARCHIVE_URL right?")
            done = self._maker(series, True).put_all(
                lambda: read_csv(path, form),
                span,
                on_day=lambda day: self._day_done(series, day),
                is_wanted=lambda day: day in days,
            )
        except DataError:
            path.unlink(missing_ok=True)  # after anything else it stays, for the next run
            raise
        path.unlink(missing_ok=True)
        for day in done:
            self._pages_path(series, day).unlink(missing_ok=True)  # of when the day was not published yet
        return done

    def _day_done(self, series: Series, day: date) -> None:
        self._stored += 1
        self._progress.step(f"{series.kind} {day}")

    def _maker(self, series: Series, can_fill: bool) -> DayMaker:
        source = SIMULATED if self._http.is_simulated else ""
        self._store.refuse_mix(series, source)
        fill = (lambda gap: self._fill(series, gap)) if can_fill else None
        return DayMaker(self._store, series, fill, source)

    def _fill(self, series: Series, gap: Finding) -> Iterator[Chunk]:
        """What REST has of a gap in an archive: nothing where the venue stood still, or where it cannot be asked."""
        if not self._has_rest:
            return
        try:
            if series.kind == BARS:
                yield from self._rest.bars(gap.from_ms, gap.to_ms)
                return
            first_id = gap.first_id
            left = gap.number if gap.number <= FILL_IDS_MAX else 0
            while left > 0:
                chunk = self._rest.trades_from_id(first_id, min(left, 1_000))
                inside = _ids_below(chunk, first_id + left)
                if inside is None:
                    return
                yield inside
                last_id = int.from_bytes(bytes(inside.trade_id[-8:]), "little", signed=True)
                left -= last_id + 1 - first_id
                first_id = last_id + 1
        except NetworkError:
            return

    # REST --------------------------------------------------------------------------------------------------------

    def _from_rest(self, series: Series, day: date, span: Range) -> list[date]:
        final_ms = min(span.to_ms, self._final_ms())
        if final_ms <= span.from_ms:
            return []
        if not self._has_rest:
            raise DataError("the archive does not have it (yet), and REST cannot be asked", "try again later")
        inside = Range(span.from_ms, final_ms)
        self._progress.at(f"{series.kind} {day} over REST")

        def done(day: date) -> None:
            self._day_done(series, day)

        if series.kind == BARS:
            bars = list(self._rest.bars(inside.from_ms, inside.to_ms))
            return self._maker(series, False).put_all(lambda: iter(bars), inside, final_ms, done)
        pages = self._trade_pages(series, day, inside)
        found = self._maker(series, False).put_all(pages.chunks, inside, final_ms, done)
        if final_ms == span.to_ms:  # of a day that goes on the pages are needed again
            with writing(self._store.folder):
                pages.path.unlink(missing_ok=True)
        return found

    def _pages_path(self, series: Series, day: date) -> Path:
        return self._store.folder / CACHE / f"{series.market}-{series.symbol}-{day}.pages"

    def _trade_pages(self, series: Series, day: date, span: Range) -> Pages:
        with writing(self._store.folder):
            pages = Pages(self._pages_path(series, day))
            if pages.rows == 0:
                first = self._rest.first_trades(span.from_ms, span.to_ms)
                if first is None:
                    return pages
                pages.add(first)
            while pages.last_ms < span.to_ms:
                chunk = self._rest.trades_from_id(pages.last_id + 1)
                if chunk is None:
                    break
                pages.add(chunk)
                self._progress.at(f"{series.kind} {day} over REST, {time_text(pages.last_ms)[11:16]}")
        return pages


def _ids_below(chunk: TradeChunk | None, end_id: int) -> TradeChunk | None:
    """The first rows of a chunk, those with smaller ids."""
    if chunk is None:
        return None
    ids = TradeChunk(chunk.rows, chunk.trade_id, chunk.time_ms, chunk.price_e8, chunk.quantity_e8, chunk.is_buyer_maker)
    inside = cut(ids, Range(0, end_id))
    if not isinstance(inside, TradeChunk):
        return None
    return inside._replace(time_ms=inside.trade_id, trade_id=inside.time_ms)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Only one process writes into a store. Raises ConfigError when another does."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"another download or import is writing in {folder}", "wait for it to end, or stop it"
            ) from None
        yield
    finally:
        os.close(descriptor)
