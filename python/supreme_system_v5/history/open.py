"""Open data for reading, whatever it is: CSV, Parquet, a recording of frames, or days of the store.

    data = open_data(text, Home(settings.home).data_dir, SourceQuery(...))
    if data.kind == TRADES:
        for chunk in data.trades(): ...

What a file holds is told by its content; its name only helps where the content cannot (market and symbol).
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.ahead import read_ahead
from supreme_system_v5.history.columns import BarChunk, SourceFile, TradeChunk
from supreme_system_v5.history.csv_files import AGG_COLUMNS, csv_form, head_of, open_bytes, read_csv
from supreme_system_v5.history.kinds import (
    ALL_TIME,
    BARS,
    FRAMES,
    MARKETS,
    TRADES,
    DataError,
    Range,
    day_of,
    time_text,
)
from supreme_system_v5.history.parquet import Chunk, DayFile
from supreme_system_v5.history.store import FORMAT, SIMULATED, SOURCE_NOTE, Series, Store, cut, series

__all__ = ["BARS", "FRAMES", "TRADES", "Data", "SourceQuery", "open_data"]

_PARQUET_MAGIC: Final = b"PAR1"
_HASH_BYTES: Final = 1 << 20
_SYMBOL: Final = re.compile(r"(?<![A-Z0-9])([A-Z0-9]{2,10})(USDT|USDC|FDUSD|BUSD|BTC|ETH|BNB|EUR)(?![A-Z0-9])")
_MARKET: Final = {"spot": "spot", "usdm": "usdm", "um": "usdm", "futures": "usdm"}
_FILES_MAX: Final = 10_000


class SourceQuery(NamedTuple):
    """What of the data is wanted. ``market``, ``symbol`` ("ETH-USDT") and ``kind`` matter for the store only."""

    market: str = "usdm"
    symbol: str = "ETH-USDT"
    kind: str = ""  # bars, trades; "" = the store's trades where it has them for the whole range, else its bars
    span: Range = ALL_TIME


class FileKind(NamedTuple):
    """What a file holds; ``market`` and ``symbol`` ("ETH-USDT") are "" where neither content nor name says."""

    kind: str
    market: str
    symbol: str


class Data:
    """Data that can be read more than once. ``kind`` is BARS, TRADES or FRAMES.

    ``market`` ("spot", "usdm") and ``symbol`` ("ETH-USDT") are "" where the data does not say. ``paths`` are the files
    in the order of time; of FRAMES they are all there is (backtesting reads frames itself).
    """

    def __init__(self, kind: str, market: str, symbol: str, paths: tuple[Path, ...], span: Range = ALL_TIME) -> None:
        self.kind = kind
        self.market = market
        self.symbol = symbol
        self.paths = paths
        self.span = span
        self.bytes_total = sum(path.stat().st_size for path in paths)
        self.bytes_read = 0  # grows while a reader runs: progress = bytes_read / bytes_total
        self._rows: dict[Path, int] = {}

    def trades(self) -> Iterator[TradeChunk]:
        """The trades in time order. Raises DataError for a file that cannot be read or goes back in time."""
        for chunk in read_ahead(self._chunks()):
            assert isinstance(chunk, TradeChunk)
            yield chunk

    def bars(self) -> Iterator[BarChunk]:
        """The bars in time order. Raises DataError."""
        for chunk in read_ahead(self._chunks()):
            assert isinstance(chunk, BarChunk)
            yield chunk

    @property
    def is_simulated(self) -> bool:
        """True for days that were downloaded from the simulated exchange: to be said wherever a price is shown."""
        for path in self.paths:
            if is_parquet(path):
                file = DayFile(path)
                file.close()
                if file.notes.get(SOURCE_NOTE) == SIMULATED:
                    return True
        return False

    @property
    def bar_ms(self) -> int:
        """The length of a bar: the smallest step between two of the first ones; 0 where the data has no bars."""
        if self.kind != BARS:
            return 0
        for chunk in self._chunks():
            if chunk.rows > 1:
                times = memoryview(chunk[1]).cast("B").cast("q")
                return min(times[n] - times[n - 1] for n in range(1, chunk.rows))
        return 60_000

    def sources(self) -> list[SourceFile]:
        """The files with their SHA-256 and the rows in them (of frames: lines). Reads each file."""
        return [SourceFile(str(path), self._rows_in(path), sha256_of(path)) for path in self.paths]

    # Reading -----------------------------------------------------------------------------------------------------

    def _chunks(self) -> Iterator[Chunk]:
        """The chunks of all files within the range, checked for their order."""
        self.bytes_read = 0
        last_ms, last_path = -1, self.paths[0]
        for path in self.paths:
            done = self.bytes_read
            is_checked = is_parquet(path) and _is_of_store(path)
            for whole in self._chunks_of(path, done):
                last_ms = _follow(whole, last_ms, path, last_path)
                last_path = path
                if not is_checked:
                    _check_order(whole, path)
                    if isinstance(whole, BarChunk):
                        _check_bars(whole, path)
                chunk = cut(whole, self.span)
                if chunk is not None:
                    yield chunk
            self.bytes_read = done + path.stat().st_size

    def _chunks_of(self, path: Path, done: int) -> Iterator[Chunk]:
        size = path.stat().st_size
        rows = 0
        if is_parquet(path):
            file = DayFile(path)
            try:
                for chunk in file.chunks(self.span.from_ms, self.span.to_ms):
                    rows += chunk.rows
                    yield chunk
                    self.bytes_read = done + size * rows // max(1, file.rows)
                self._rows[path] = file.rows
            finally:
                file.close()
            return
        form = csv_form(head_of(path))
        assert form is not None
        for chunk in read_csv(path, form):
            rows += chunk.rows
            yield chunk
        self._rows[path] = rows

    def _rows_in(self, path: Path) -> int:
        if path not in self._rows:
            if self.kind == FRAMES:
                with open_bytes(path) as stream:
                    self._rows[path] = sum(1 for _ in stream)
            elif is_parquet(path):
                file = DayFile(path)
                self._rows[path] = file.rows
                file.close()
            else:
                self._rows[path] = sum(chunk.rows for chunk in self._chunks_of(path, 0))
        return self._rows[path]


def open_data(text: str, store_dir: Path, query: SourceQuery | None = None) -> Data:
    """``text``: files joined by commas, or "" for the store in ``store_dir`` (``Home.data_dir``).

    Raises ConfigError for a file that is missing or of no known kind, or days that the store does not have.
    """
    require_pyarrow()
    wanted = query or SourceQuery()
    if text:
        return _from_files(text, wanted)
    return _from_store(Store(store_dir), wanted)


# Files -----------------------------------------------------------------------------------------------------------


def _from_files(text: str, query: SourceQuery) -> Data:
    paths: list[Path] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        path = Path(name).expanduser()
        if path.is_dir():
            if any(path.glob("*.s5r")):
                raise ConfigError(
                    f"{path} is the recording of a session, not a file of data",
                    f"DATA=session:{path.resolve().parent.name}",
                )
            inside = sorted(p for p in path.iterdir() if p.is_file() and not p.name.endswith((".part", ".CHECKSUM")))
            if not inside:
                raise ConfigError(f"there is no file in {path}", "give a file of trades, bars or frames")
            paths += inside
        elif path.is_file():
            paths.append(path)
        else:
            raise ConfigError(f"DATA: there is no file {name}", "give a file of trades, bars or frames")
    if not 0 < len(paths) <= _FILES_MAX:
        raise ConfigError(f"DATA={text} names {len(paths)} files", f"from 1 to {_FILES_MAX}")
    kinds = [kind_of(path) for path in paths]
    for path, found in zip(paths, kinds, strict=True):
        if found.kind != kinds[0].kind:
            raise ConfigError(
                f"DATA mixes {kinds[0].kind} ({paths[0]}) and {found.kind} ({path})", "give files of one kind"
            )
    for what in ("market", "symbol"):
        said = {getattr(found, what) for found in kinds} - {""}
        if len(said) > 1:
            raise ConfigError(f"DATA mixes {' and '.join(sorted(said))}", f"give files of one {what}")
    market = next((found.market for found in kinds if found.market), "")
    symbol = next((found.symbol for found in kinds if found.symbol), "")
    return Data(kinds[0].kind, market, symbol, tuple(paths), query.span)


def require_pyarrow() -> None:
    """Raises ConfigError, with what to do, where the packages of research are not installed."""
    if importlib.util.find_spec("pyarrow") is None or importlib.util.find_spec("numpy") is None:
        raise ConfigError(
            "reading history needs pyarrow and numpy, which are not installed",
            "pip install -r requirements-research.txt (make does that for the verbs that need it)",
        )


def kind_of(path: Path) -> FileKind:
    """What a file holds. Raises ConfigError for one of no known kind."""
    market, symbol = _by_name(path)
    if is_parquet(path):
        file = DayFile(path)
        file.close()
        return FileKind(file.kind, file.notes.get("market", market), person_symbol(file.notes.get("symbol", symbol)))
    head = head_of(path)
    if head.lstrip()[:1] == b"{":
        return FileKind(FRAMES, market, person_symbol(symbol))
    form = csv_form(head)
    if form is None:
        first = head.partition(b"\n")[0][:80].decode("utf-8", "replace")
        raise ConfigError(
            f"{path} is neither trades, bars nor frames; it begins with {first!r}",
            "known: CSV of trades or bars (the venue's own too, .gz, .zip), frames as JSON lines, the store's Parquet",
        )
    if form.columns[:5] == AGG_COLUMNS:
        market = market or (
            "spot" if len(form.columns) == 8 else "usdm"
        )  # spot says whether it was the best price match
    return FileKind(form.kind, market, person_symbol(symbol))


def is_parquet(path: Path) -> bool:
    """True for a Parquet file, by its first bytes."""
    with path.open("rb") as stream:
        return stream.read(4) == _PARQUET_MAGIC


def _by_name(path: Path) -> tuple[str, str]:
    words = re.split(r"[^a-z0-9]+", "/".join(path.parts[-7:]).lower())
    markets = [_MARKET[word] for word in reversed(words) if word in _MARKET]
    symbol = _SYMBOL.search(path.name.upper().replace("_", "/"))
    return (markets[0] if markets else ""), ("".join(symbol.groups()) if symbol else "")


def person_symbol(symbol: str) -> str:
    """ETHUSDT as people write it: ETH-USDT; what is not known by its quote asset stays as it is."""
    found = _SYMBOL.fullmatch(symbol)
    return "-".join(found.groups()) if found else symbol


def sha256_of(path: Path) -> str:
    """Of a file's bytes as they are stored, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_HASH_BYTES):
            digest.update(block)
    return digest.hexdigest()


# Checks while reading --------------------------------------------------------------------------------------------


def _is_of_store(path: Path) -> bool:
    """Days of the store were looked at, row by row, when they were written."""
    file = DayFile(path)
    file.close()
    return file.notes.get("format") == FORMAT


def _follow(chunk: Chunk, last_ms: int, path: Path, last_path: Path) -> int:
    """The time of the last row; the first must not be earlier than the last of the chunk before. Raises DataError."""
    times = memoryview(chunk[1]).cast("B").cast("q")
    first_ms = times[0]
    least = 1 if isinstance(chunk, BarChunk) else 0  # two bars of one time: which one is true?
    if first_ms < last_ms + least:
        other = "" if path == last_path else f" of {last_path}"
        raise DataError(
            f"{path} goes back in time: {time_text(first_ms)} comes after {time_text(last_ms)}{other}",
            "give the files in the order of time; `make import-data FILE=...` sorts and checks a file",
        )
    last: int = times[chunk.rows - 1]
    return last


def _check_order(chunk: Chunk, path: Path) -> None:
    import numpy as np

    times = np.frombuffer(chunk[1], dtype="<i8")
    least = 1 if isinstance(chunk, BarChunk) else 0
    steps = np.diff(times)
    if len(steps) and int(steps.min()) < least:
        at = int(np.argmin(steps >= least))
        raise DataError(
            f"{path} goes back in time: {time_text(int(times[at + 1]))} comes after {time_text(int(times[at]))}",
            "`make import-data FILE=...` sorts and checks a file",
        )


def _check_bars(chunk: BarChunk, path: Path) -> None:
    """A bar whose high is below its low would make fills that no market offered."""
    import numpy as np

    low, high = np.frombuffer(chunk.low_e8, dtype="<i8"), np.frombuffer(chunk.high_e8, dtype="<i8")
    ends = [np.frombuffer(column, dtype="<i8") for column in (chunk.open_e8, chunk.close_e8)]
    is_fine = (low > 0) & (high >= low)
    for end in ends:
        is_fine &= (end >= low) & (end <= high)
    if not is_fine.all():
        when = int(np.frombuffer(chunk[1], dtype="<i8")[int(np.argmin(is_fine))])
        raise DataError(
            f"{path}: the bar of {time_text(when)} is impossible (open or close outside of low to high, or no price)",
            "`make import-data FILE=...` reports each such bar and leaves it out",
        )


# The store -------------------------------------------------------------------------------------------------------


def _from_store(store: Store, query: SourceQuery) -> Data:
    kinds = (query.kind,) if query.kind else (TRADES, BARS)
    if query.kind not in ("", BARS, TRADES):
        raise ConfigError(f"KIND={query.kind} is not known", "bars or trades")
    if query.market not in MARKETS:
        raise ConfigError(f"MARKET={query.market} is not known", "spot or usdm")
    reason = ""
    for kind in kinds:
        wanted = series(query.market, query.symbol, kind)
        days = store.days(wanted)
        missing = _missing(days, query.span)
        if days and not missing:
            inside = [day for day in days if day in _span_days(days, query.span)]
            paths = tuple(store.path(wanted, day) for day in inside)
            if paths:
                return Data(kind, query.market, person_symbol(wanted.symbol), paths, query.span)
        reason = reason or _reason(wanted, store, days, missing)
    first, last = _asked(query.span)
    raise ConfigError(
        reason,
        f"make download SYMBOL={query.symbol} MARKET={query.market} FROM={first} TO={last}"
        + (f" KIND={query.kind}" if query.kind else ""),
    )


def _span_days(days: list[date], span: Range) -> set[date]:
    """The days that are wanted, an open end of the range being the last that is stored."""
    first = days[0] if span.from_ms == ALL_TIME.from_ms else day_of(span.from_ms)
    last = days[-1] if span.to_ms == ALL_TIME.to_ms else day_of(span.to_ms - 1)
    return {first + timedelta(days=n) for n in range((last - first).days + 1)}


def _missing(days: list[date], span: Range) -> list[date]:
    return sorted(_span_days(days, span) - set(days)) if days else []


def _asked(span: Range) -> tuple[str, str]:
    first = day_of(span.from_ms).isoformat() if span.from_ms != ALL_TIME.from_ms else "<day>"
    last = day_of(span.to_ms - 1).isoformat() if span.to_ms != ALL_TIME.to_ms else "<day>"
    return first, last


def _reason(wanted: Series, store: Store, days: list[date], missing: list[date]) -> str:
    if not days:
        return f"there are no {wanted} in {store.folder}"
    more = f" and {len(missing) - 1} more days" if len(missing) > 1 else ""
    return f"the store lacks {wanted} for {missing[0] if missing else 'that time'}{more}"
