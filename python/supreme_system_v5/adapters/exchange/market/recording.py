"""Plays recorded frames (`data/frames`) under today's stream names.

Choices, all deterministic:
- consecutive trades that share T, price and side fold into one aggTrade; it is given out at the receive time of its
  LAST trade, carries that trade's E, f/l of the first and last, and ids that count up from the first raw trade id;
- `depth@0ms` goes out as `depth@100ms`, every other payload byte for byte as recorded;
- a depth request as of a time before the recorded snapshot line gets that snapshot (the book is not known before);
  later ones the book rebuilt from the diffs, with lastUpdateId = the last applied u;
- klines: the overlapping 1-minute file next to the recording (folder `bars_1m`); spot serves its closed bars before
  and during the recording, USD-M (which has no file of those days) the spot file before the minute in which it starts
  and bars folded from its own trades from then on;
- a recorded session (`make export-frames`) says so in its first line, stream `x@session`: its trades are the aggTrades
  that it received, given out with the ids that they have; that line itself is not given out.
"""

from __future__ import annotations

import contextlib
import gzip
import json
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from supreme_system_v5.adapters.exchange.market.raw_trades import keep_parts
from supreme_system_v5.adapters.exchange.market.recorded_bars import bars_folder, find_bars
from supreme_system_v5.adapters.exchange.market.sim_market import (
    MINUTE_MS,
    NEVER,
    NS_PER_MS,
    TRADE,
    OutFrame,
    SimMarket,
    stream_kind,
)
from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.core.domain.instrument import SPOT, USDM
from supreme_system_v5.core.domain.money import parse_e8

SESSION_STREAM: Final = "x@session"  # whose frames follow: which session, of a simulated source or a real one
_QUOTES_MAX: Final = 20_000
_QUOTE: Final = 6  # columns of a kept quote: time, update id, bid, quantity, ask, quantity
_OFFSET_FRAMES: Final = 400


class Line(NamedTuple):
    """One recorded line: receive time, stream ("" for the REST snapshot), the data object as recorded."""

    recv_ns: int
    stream: str
    payload: bytes


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


def read_lines(paths: Sequence[Path]) -> Iterator[Line]:
    """The lines of the files, one after the other, lazily. Raises ConfigError for a line that is not a frame."""
    for path in paths:
        with _open(path) as file:
            for number, raw in enumerate(file, 1):
                yield parse_line(raw, path, number)


def parse_line(raw: bytes, path: Path, number: int) -> Line:
    """One line of a recording. Raises ConfigError, with the file and the line's number, when it is not a frame."""
    line = raw.rstrip()
    try:
        comma = line.index(b",")
        recv_ns = int(line[line.index(b":") + 1 : comma])
        frame = line[comma + 9 : -1]
        stream, payload = "", frame
        if frame.startswith(b'{"stream":"'):
            end = frame.index(b'"', 11)
            stream = frame[11:end].decode()
            payload = frame[end + 9 : -1]
        if not (payload.startswith(b"{") and payload.endswith(b"}")):
            raise ValueError
    except ValueError:
        raise ConfigError(
            f"{path}: line {number} is not a recorded frame",
            'a line is {"recv_ns":N,"frame":{...}}; see SIM_RECORDING',
        ) from None
    return Line(recv_ns, stream, payload)


class RecordedMarket(SimMarket):
    """A recording as a market. ``raw_trades``: also give out the unfolded `trade` stream."""

    source = "recorded"

    def __init__(self, paths: Sequence[Path], bars_dir: Path | None = None, raw_trades: bool = False) -> None:
        self.paths = list(paths)
        for path in self.paths:
            if not path.is_file():
                raise ConfigError(f"recording {path} is not a file", "set SIM_RECORDING to a file of data/frames")
        # What the recorded session says of itself; {} for a recording of another origin.
        self.session: dict[str, Any] = {}
        first, first_trade_id, offset_ns, snapshot, market = self._scan()
        super().__init__(market, first - NS_PER_MS, 1, 1, first_trade_id)
        self._is_raw_wanted = raw_trades
        self.offset_ns = offset_ns
        self._snapshot = snapshot
        self._has_book = False
        self._quotes = array("q")
        self._lines = read_lines(self.paths)
        self._ahead: deque[OutFrame | Line | TradeGroup] = deque()
        self._open_group: TradeGroup | None = None
        self._is_drained = False
        self._next_ns: int = NEVER
        self._load_bars(bars_dir)
        self._peek()

    # Before the start --------------------------------------------------------------------------------------------

    def _scan(self) -> tuple[int, int, int, Line | None, str]:
        """First time, first trade id, clock offset, snapshot line and market, from the first lines."""
        first_ns = 0
        trade_id = -1
        snapshot: Line | None = None
        market = ""
        offsets: list[int] = []
        for line in read_lines(self.paths):
            first_ns = first_ns or line.recv_ns
            if line.stream == "":
                snapshot = snapshot or line
            elif line.stream == SESSION_STREAM:
                self.session = self.session or json.loads(line.payload)
            else:
                data = json.loads(line.payload)
                if "E" in data and len(offsets) < _OFFSET_FRAMES:
                    offsets.append(int(data["E"]) * NS_PER_MS - line.recv_ns)
                kind = stream_kind(line.stream)
                if kind == "depth" and not market:
                    market = USDM if "pu" in data else SPOT
                if kind == "raw_trade" and trade_id < 0:
                    trade_id = int(data["t"])
                elif kind == TRADE and self.session and trade_id < 0:
                    trade_id = int(data["a"])
            if trade_id >= 0 and snapshot is not None and market and len(offsets) >= _OFFSET_FRAMES:
                break
        if not first_ns or not market:
            raise ConfigError(f"recording {self.paths[0]} holds no depth frame", "it cannot be played as a market")
        offsets.sort()
        offset_ns = offsets[len(offsets) // 2] if offsets else 0
        return first_ns, max(trade_id, 0), offset_ns - offset_ns % NS_PER_MS, snapshot, market

    def _load_bars(self, bars_dir: Path | None) -> None:
        start_open = self.exchange_ms(self.start_ns) // MINUTE_MS * MINUTE_MS
        folder = bars_dir or bars_folder(self.paths[0])
        found = find_bars(folder, self.market, self.symbol, start_open)
        self.klines_note = "folded from the recording's own trades only: no bars_1m file overlaps"
        self.has_bars = found is not None
        self._file_rows: dict[int, list[int]] = {}
        if found is None:
            return
        self.klines_note = found.note
        for row in found.rows:
            if row[0] < start_open:
                self.minutes.append_row(row)
            elif found.market == self.market:
                self._file_rows[row[0]] = row

    def describe(self) -> dict[str, object]:
        wanted = {"trade", "quote", "depth"} | ({"mark"} if self.market == USDM else set())
        have = wanted if self.session else {"trade", "quote", "depth"}
        return {
            "source": self.source,
            "files": [path.name for path in self.paths],
            "start_ns": self.start_ns,
            "venue_offset_ms": self.offset_ns // NS_PER_MS,
            "missing_streams": sorted("markPrice" if kind == "mark" else kind for kind in wanted - have),
            "klines": self.klines_note,
        }

    @property
    def is_raw_wanted(self) -> bool:
        """Give out the raw trades too; those that have been read ahead are not lost when it is set."""
        return self._is_raw_wanted

    @is_raw_wanted.setter
    def is_raw_wanted(self, is_wanted: bool) -> None:
        if is_wanted and not self._is_raw_wanted:
            groups = [item for item in self._ahead if isinstance(item, TradeGroup)]
            lines = [line for group in groups for _, line in group.trades if line.recv_ns > self.last_ns]
            raw = [OutFrame(line.recv_ns, line.stream, line.payload) for line in lines]
            self._ahead = deque(sorted([*raw, *self._ahead], key=_time_of))  # stable: a trade before its aggTrade
            if self._ahead and self._ahead[0] is not self._open_group:
                self._next_ns = _time_of(self._ahead[0])
        self._is_raw_wanted = is_wanted

    # Motion ------------------------------------------------------------------------------------------------------

    def next_ns(self) -> int:
        return self._next_ns

    def step(self) -> list[OutFrame]:
        item = self._ahead.popleft()
        frames: list[OutFrame] = []
        if isinstance(item, TradeGroup):
            frames.append(self._fold(item))
        elif isinstance(item, OutFrame):
            frames.append(item)
        elif item.stream == "":
            self._apply_snapshot(item)
        else:
            frames.append(self._play(item))
        if frames:
            self.last_ns = frames[-1].time_ns
        self._peek()
        return frames

    def _peek(self) -> None:
        """Read ahead until the next item is complete: a trade group ends at the next trade that differs."""
        while True:
            while self._ahead and isinstance(self._ahead[0], Line) and self._ahead[0].stream == "":
                line = self._ahead.popleft()
                assert isinstance(line, Line)
                self._apply_snapshot(line)
            if self._ahead and self._ahead[0] is not self._open_group:
                self._next_ns = _time_of(self._ahead[0])
                return
            if self._is_drained:
                if self._ahead:
                    self._open_group = None
                    continue
                self._next_ns = NEVER
                self.end_ns = self.last_ns
                return
            self._read()

    def _read(self) -> None:
        line = next(self._lines, None)
        if line is None:
            self._is_drained = True
            return
        if line.stream == SESSION_STREAM:
            return
        if stream_kind(line.stream) != "raw_trade":
            self._ahead.append(line)
            return
        if self.is_raw_wanted:
            self._ahead.append(OutFrame(line.recv_ns, line.stream, line.payload))
        data = json.loads(line.payload)
        group = self._open_group
        key = (data["T"], parse_e8(data["p"]), data["m"])
        if group is not None and group.key == key:
            group.trades.append((data, line))
            self._ahead.remove(group)  # it is given out at its last trade's time
        else:
            group = TradeGroup(key, [(data, line)])
            self._open_group = group
        self._ahead.append(group)

    def _fold(self, group: TradeGroup) -> OutFrame:
        first = group.trades[0][0]
        last, recv_ns = group.trades[-1][0], group.time_ns
        price_e8 = parse_e8(first["p"])
        quantity_e8 = sum(parse_e8(data["q"]) for data, _ in group.trades)
        trade_ms = int(first["T"])
        is_buyer_maker = bool(first["m"])
        agg_id = self.trades.add(
            recv_ns, trade_ms, price_e8, quantity_e8, int(first["t"]), int(last["t"]), is_buyer_maker
        )
        if len(group.trades) > 1:
            parts = [(int(data["t"]), parse_e8(data["q"])) for data, _ in group.trades]
            keep_parts(self.trade_parts, int(first["t"]), parts)
        for store in (self.minutes, self.seconds):
            store.add_trade(trade_ms, price_e8, quantity_e8, len(group.trades), is_buyer_maker)
        payload = self.encoder.agg_trade(
            int(last["E"]), trade_ms, agg_id, price_e8, quantity_e8, int(first["t"]), int(last["t"]), is_buyer_maker
        )
        return OutFrame(recv_ns, f"{self.symbol.lower()}@aggTrade", payload)

    def _play(self, line: Line) -> OutFrame:
        kind = stream_kind(line.stream)
        stream = line.stream
        if kind == "depth":
            stream = f"{self.symbol.lower()}@depth@100ms"
        if kind in {"depth", "quote"} or (kind == TRADE and self.session):
            # A recorded frame that is no good goes out as it came in, and teaches the histories nothing.
            with contextlib.suppress(KeyError, TypeError, ValueError):
                self._keep(line.recv_ns, kind, json.loads(line.payload))
        return OutFrame(line.recv_ns, stream, line.payload)

    def _keep(self, time_ns: int, kind: str, data: dict[str, Any]) -> None:
        """Into the histories. Raises KeyError, TypeError or ValueError, before anything is changed."""
        if kind == "depth":
            self._apply_depth(time_ns, data)
            return
        if kind == TRADE:
            self._keep_trade(time_ns, data)
            return
        numbers = [parse_e8(data[key]) for key in ("b", "B", "a", "A")]
        self._quotes.extend((time_ns, int(data["u"]), *numbers))
        if len(self._quotes) > (_QUOTES_MAX + _QUOTES_MAX // 4) * _QUOTE:
            del self._quotes[: len(self._quotes) - _QUOTES_MAX * _QUOTE]

    def _keep_trade(self, time_ns: int, data: dict[str, Any]) -> None:
        """An aggTrade of a recorded session; one that was received twice counts once."""
        agg_id, first_id, last_id = int(data["a"]), int(data["f"]), int(data["l"])
        trade_ms, price_e8, quantity_e8 = int(data["T"]), parse_e8(data["p"]), parse_e8(data["q"])
        is_buyer_maker = bool(data["m"])
        if agg_id < self.trades.next_agg_id:
            return
        self.trades.skip_to(agg_id)
        self.trades.add(time_ns, trade_ms, price_e8, quantity_e8, first_id, last_id, is_buyer_maker)
        for store in (self.minutes, self.seconds):
            store.add_trade(trade_ms, price_e8, quantity_e8, last_id - first_id + 1, is_buyer_maker)

    def _apply_depth(self, time_ns: int, data: dict[str, Any]) -> None:
        """A diff, unless it is older than the snapshot (or there is no book to apply it to yet)."""
        final_id = int(data["u"])
        if not self._has_book or final_id <= self.book.last_update_id:
            return
        bids = [(parse_e8(price), parse_e8(quantity)) for price, quantity in data["b"]]
        asks = [(parse_e8(price), parse_e8(quantity)) for price, quantity in data["a"]]
        for price_e8, quantity_e8 in bids:
            self.book.set_bid(price_e8, quantity_e8)
        for price_e8, quantity_e8 in asks:
            self.book.set_ask(price_e8, quantity_e8)
        self.book.close_batch(time_ns, final_id)

    def _apply_snapshot(self, line: Line) -> None:
        bids, asks, update_id = _snapshot_levels(line)
        self.book.load(bids, asks, update_id)
        self._has_book = True

    @property
    def is_simulated(self) -> bool:
        """True where a recorded session's own source was a simulated exchange: no price of it was ever real."""
        firsts = [next(read_lines([path]), None) for path in self.paths]
        said = [json.loads(line.payload) for line in firsts if line is not None and line.stream == SESSION_STREAM]
        return any(words.get("source_class") == "simulated" for words in said)

    # As-of views -------------------------------------------------------------------------------------------------

    def book_as_of(self, as_of_ns: int) -> tuple[dict[int, int], dict[int, int], int]:
        if self._snapshot is not None and as_of_ns < self._snapshot.recv_ns:
            return _snapshot_levels(self._snapshot)
        return self.book.as_of(as_of_ns)

    def funding_rates(self, as_of_ns: int, count: int) -> list[tuple[int, int, int]]:  # noqa: ARG002
        return []  # not recorded

    def quote_as_of(self, as_of_ns: int) -> tuple[int, tuple[int, int] | None, tuple[int, int] | None]:
        quotes = self._quotes
        for at in range(len(quotes) - _QUOTE, -1, -_QUOTE):
            if quotes[at] <= as_of_ns:
                return quotes[at + 1], (quotes[at + 2], quotes[at + 3]), (quotes[at + 4], quotes[at + 5])
        return super().quote_as_of(as_of_ns)

    def rows_as_of(self, period_ms: int, as_of_ns: int) -> list[list[int]]:
        rows = super().rows_as_of(period_ms, as_of_ns)
        if period_ms != MINUTE_MS or not self._file_rows:
            return rows
        now_ms = self.exchange_ms(as_of_ns)
        return [self._file_rows.get(row[0], row) if row[0] + MINUTE_MS <= now_ms else row for row in rows]


class TradeGroup:
    """Trades that fold into one aggTrade: their data and their lines."""

    def __init__(self, key: tuple[Any, ...], trades: list[tuple[dict[str, Any], Line]]) -> None:
        self.key = key
        self.trades = trades

    @property
    def time_ns(self) -> int:
        return self.trades[-1][1].recv_ns


def _time_of(item: OutFrame | Line | TradeGroup) -> int:
    if isinstance(item, TradeGroup):
        return item.time_ns
    return item[0]


def _snapshot_levels(line: Line) -> tuple[dict[int, int], dict[int, int], int]:
    data = json.loads(line.payload)
    bids = {parse_e8(price): parse_e8(quantity) for price, quantity in data["bids"]}
    asks = {parse_e8(price): parse_e8(quantity) for price, quantity in data["asks"]}
    return bids, asks, int(data["lastUpdateId"])
