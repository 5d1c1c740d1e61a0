"""The store: one Parquet file a market, symbol, kind and UTC day, under ``data/`` of the home.

    data/usdm/ETHUSDT/trades/2024-08-08.parquet

A file is written under another name, synced and renamed: what has its proper name is whole, whenever the process or
the machine stopped. A day that was not over when it was stored says so in its notes (``until_ms``).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.columns import BarChunk, Column, TradeChunk
from supreme_system_v5.history.kinds import DAY_MS, DataError, Range, day_start_ms, venue_symbol
from supreme_system_v5.history.parquet import Chunk, DayFile, DayWriter

FORMAT: Final = "1"
PART: Final = ".part"
SOURCE_NOTE: Final = "source"
SIMULATED: Final = "simulated"  # the SOURCE_NOTE of days that come from the simulated exchange
_DAY_FILE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\.parquet", re.ASCII)


class Series(NamedTuple):
    """What a row of day files is about. ``symbol`` as the venue writes it (ETHUSDT)."""

    market: str
    symbol: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} of {self.market} {self.symbol}"


def series(market: str, symbol: str, kind: str) -> Series:
    """A series from a person's words (ETH-USDT). Raises ConfigError for a symbol that is none."""
    return Series(market, venue_symbol(symbol), kind)


class Store:
    """The day files in one folder. Creating the object touches nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def folder_of(self, wanted: Series) -> Path:
        """Where the days of a series are."""
        return self.folder / wanted.market / wanted.symbol / wanted.kind

    def path(self, wanted: Series, day: date) -> Path:
        """Where a day is, or would be."""
        return self.folder_of(wanted) / f"{day.isoformat()}.parquet"

    def days(self, wanted: Series) -> list[date]:
        """The days that are stored, oldest first."""
        try:
            names = os.listdir(self.folder_of(wanted))
        except OSError:
            return []
        found = [match.group(1) for name in names if (match := _DAY_FILE.fullmatch(name))]
        return [date.fromisoformat(text) for text in sorted(found)]

    def known_until_ms(self, wanted: Series, day: date) -> int:
        """Up to when a stored day is known: its end, or earlier for a day that was not over; 0 when not stored.

        A file that cannot be read counts as not stored.
        """
        path = self.path(wanted, day)
        if not path.exists():
            return 0
        try:
            file = DayFile(path)
        except DataError:
            return 0
        until = file.notes.get("until_ms", "")
        file.close()
        return int(until) if until else day_start_ms(day) + DAY_MS

    def refuse_mix(self, wanted: Series, source: str) -> None:
        """Real and simulated prices do not stand in one series. Raises ConfigError."""
        days = self.days(wanted)
        there = self.source(wanted, days[0]) if days else source
        if there != source:
            raise ConfigError(
                f"{self.folder_of(wanted)} holds {there or 'real'} prices; this would add {source or 'real'} ones",
                "use another home for one of them: SUPREME_HOME=<folder>",
            )

    def source(self, wanted: Series, day: date) -> str:
        """SIMULATED for a day of the simulated exchange, else "". Raises DataError."""
        file = DayFile(self.path(wanted, day))
        file.close()
        return file.notes.get(SOURCE_NOTE, "")

    def put(self, wanted: Series, day: date, chunks: Iterable[Chunk], until_ms: int = 0) -> int:
        """Store a day, in place of what was there; returns its rows.

        ``until_ms``: up to when the day is known, 0 = it is over. Raises ConfigError when it cannot be written.
        """
        with self.write(wanted, day, until_ms) as writing_day:
            for chunk in chunks:
                writing_day.add(chunk)
        return writing_day.rows

    @contextlib.contextmanager
    def write(self, wanted: Series, day: date, until_ms: int = 0) -> Iterator[DayWriting]:
        """A day to be written: it is stored when the block ends without an error, and has at least one row."""
        path = self.path(wanted, day)
        notes = {"format": FORMAT, "market": wanted.market, "symbol": wanted.symbol, "kind": wanted.kind}
        notes["day"] = day.isoformat()
        if until_ms:
            notes["until_ms"] = str(until_ms)
        with writing(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            written = DayWriting(path, wanted.kind, notes)
        try:
            yield written
        except BaseException:
            written.throw_away()
            raise
        with writing(self.folder):
            written.finish()


class DayWriting:
    """A day file on its way; ``notes`` may be added to until it is finished."""

    def __init__(self, path: Path, kind: str, notes: dict[str, str]) -> None:
        self.notes = notes
        self._path = path
        self._part = path.with_name(path.name + PART)
        self._kind = kind
        self._writer = DayWriter(self._part, kind)

    @property
    def rows(self) -> int:
        return self._writer.rows

    def add(self, chunk: Chunk) -> None:
        """Rows that follow those before them. Raises ConfigError when the disk is full."""
        with writing(self._path.parent):
            self._writer.add(chunk)

    def take_back(self) -> list[Chunk]:
        """All rows so far; the file begins again, empty."""
        self._writer.close({})
        file = DayFile(self._part)
        chunks = [copied(chunk) for chunk in file.chunks(0, 1 << 62)] if file.rows else []
        file.close()
        self._writer = DayWriter(self._part, self._kind)
        return chunks

    def finish(self) -> None:
        """Give the file its name, unless there is nothing in it."""
        self._writer.close(self.notes)
        if self.rows:
            publish(self._part, self._path)
        else:
            self._part.unlink()

    def throw_away(self) -> None:
        """What was written so far does not count."""
        with contextlib.suppress(OSError):
            self._writer.close({})
        self._part.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What goes wrong with the disk in here becomes a ConfigError that names the folder."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"cannot write in {folder}: {error.strerror or error}",
            "free space or give permission there, or set SUPREME_HOME to a folder of yours; what is stored stays",
        ) from None


def publish(part: Path, path: Path) -> None:
    """Give a finished file its name, on the disk and not only in memory. Raises OSError."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def cut(chunk: Chunk, span: Range) -> Chunk | None:
    """The rows of a chunk within a range; None when there are none. The times must not go back."""
    times = memoryview(chunk[1]).cast("B").cast("q")
    if times[0] >= span.from_ms and times[chunk.rows - 1] < span.to_ms:
        return chunk
    first, last = _place(times, span.from_ms), _place(times, span.to_ms)
    return rows_of(chunk, first, last) if first < last else None


def _place(times: memoryview, time_ms: int) -> int:
    """How many of the times are earlier."""
    low, high = 0, len(times)
    while low < high:
        middle = (low + high) // 2
        if times[middle] < time_ms:
            low = middle + 1
        else:
            high = middle
    return low


def copied(chunk: Chunk) -> Chunk:
    """The same rows in memory of their own."""
    return type(chunk)(chunk.rows, *[bytes(column) for column in chunk[1:]])


def rows_of(chunk: Chunk, first: int, last: int) -> Chunk:
    """Rows first <= n < last of a chunk, without copying."""
    whole: tuple[Column, ...] = chunk[1:5] if isinstance(chunk, TradeChunk) else chunk[1:]
    columns = [memoryview(column).cast("B")[8 * first : 8 * last] for column in whole]
    if isinstance(chunk, TradeChunk):
        flags = memoryview(chunk.is_buyer_maker).cast("B")[first:last]
        return TradeChunk(last - first, columns[0], columns[1], columns[2], columns[3], flags)
    return BarChunk(last - first, *columns)
