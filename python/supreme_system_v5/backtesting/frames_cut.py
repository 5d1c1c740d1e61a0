"""From the lines of a recording to the events a daemon gets: the compiled half of reading frames.

`FrameCutter` knows the fixed outer shape of a recorded line, `{"recv_ns":<19 digits>,"frame":{"stream":"...` with
`}}}` at its end, and hands the frame within to the wire's decoder. Trades that share T, price and side become one
aggTrade at the time of the last of them, numbered on from the recording's first trade id: as the exchange gives a
recording out (adapters/exchange/market/recording.py). Any line of another shape goes to ``odd`` (frames_odd.py), which
reads it as the exchange does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from mypy_extensions import i64

from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.domain.events import KIND_DEPTH, KIND_MARK, KIND_TRADE, Event, Trade
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.wire.binance_decode import IS_COMPILED, FrameDecoder
from supreme_system_v5.core.wire.byte_cursor import has

KIND_UNUSED: Final = -1  # a frame that was sent and that nobody can use: its time counts, it is no event
_KIND_HOLE: Final = -2  # where a trade stood that has been folded into a later one
_HEAD: Final = b'{"recv_ns":'
_FRAME_HEAD: Final = b',"frame":{"stream":"'
_CLOSE: Final = 125
_STAMP_AT: Final = 11
_STAMP_END: Final = 30
_FRAME_AT: Final = 39
_LINE_MIN: Final = 64
_RAW_TRADE: Final = b'@trade"'

TradeRow = tuple[int, int, int, int, int, int, int, int, bool]
# Where a trade stood in the recording, its receive time, T, price, quantity, first and last id, count, buyer is maker.


class FrameCutter:
    """The recording as a row of events, one block of lines at a time.

    ``next_block`` gives the next lines ([] at the end). ``odd(line, number)`` reads a line of another shape: an event
    to be given out as it is, a Trade to be folded, an event of KIND_UNUSED, or None (not a frame at all).
    ``close_odd(trade)`` decides what becomes of a folded trade with an odd one in it.
    """

    def __init__(
        self,
        decoder: FrameDecoder,
        venue_symbol: str,
        next_agg_id: i64,
        next_block: Callable[[], list[bytes]],
        odd: Callable[[bytes, int], Event | None],
        close_odd: Callable[[Trade, int, int], Event],
    ) -> None:
        self.lines: i64 = 0
        self.has_agg_trades = False  # of a recorded session: its aggTrades are the trades, none is folded
        self.is_disordered = False  # a line was received no later than the one above it
        self._decoder = decoder
        self._raw_at: i64 = _FRAME_AT + len(b'{"stream":"') + len(venue_symbol)
        self._next_block = next_block
        self._odd = odd
        self._close_odd = close_odd
        self._next_agg_id: i64 = next_agg_id
        self._events: list[Event] = []
        self._rows: list[TradeRow] = []
        self._hole = Event(_KIND_HOLE, 0)
        self._base: i64 = 0  # how many events were dropped from the front of the list
        self._index: i64 = 0
        self._ready: i64 = 0  # up to here the list is final
        self._is_drained = False
        self._line_ns: i64 = 0
        # The trade that later ones may still be folded into.
        self._open: Trade | None = None
        self._slot: i64 = 0
        self._open_ns: i64 = 0
        self._event_ms: i64 = 0
        self._first_id: i64 = 0
        self._last_id: i64 = 0
        self._count: i64 = 0
        self._quantity_e8: i64 = 0
        self._is_open_odd = False

    # -- giving out

    def peek_ns(self) -> i64:
        """The time of the next event; NEVER_NS when there is none."""
        while True:
            if self._index + 1 >= self._ready and not self._is_drained:
                self._refill()
            if self._index >= self._ready:
                return NEVER_NS
            event = self._events[self._index]
            if event.kind != _KIND_HOLE:
                return event.time_ns
            self._index += 1

    def take(self) -> Event | None:
        """The next event; None at the end. One event more has always been read, so ``is_disordered`` is up to date."""
        while True:
            if self._index + 1 >= self._ready and not self._is_drained:
                self._refill()
            if self._index >= self._ready:
                return None
            event = self._events[self._index]
            self._index += 1
            if event.kind != _KIND_HOLE:
                return event

    def give_back(self) -> None:
        """The last event taken is the next one again."""
        self._index -= 1

    def taken_rows(self) -> list[TradeRow]:
        """The folded trades that were given out since the last call."""
        taken = self._base + self._index
        count: i64 = 0
        rows = self._rows
        while count < len(rows) and rows[count][0] < taken:
            count += 1
        self._rows = rows[count:]
        return rows[:count]

    @property
    def rows_waiting(self) -> int:
        return len(self._rows)

    # -- reading on

    def _refill(self) -> None:
        """Read until two events are ready, or all of them."""
        while self._index + 1 >= self._ready and not self._is_drained:
            lines = self._next_block()
            if self._index > 0:
                del self._events[: self._index]
                self._base += self._index
                self._slot -= self._index
                self._index = 0
            if len(lines) == 0:
                self._is_drained = True
                self._close()
            else:
                self._read(lines)
            ready: i64 = len(self._events) if self._open is None else self._slot
            while ready > 0 and self._events[ready - 1].kind == _KIND_HOLE:
                ready -= 1
            self._ready = ready

    def _read(self, lines: list[bytes]) -> None:
        decoder = self._decoder
        raw_at = self._raw_at
        for line in lines:
            self.lines += 1
            time_ns = stamp_of(line)
            if time_ns == 0:
                self._read_odd(line)
                continue
            try:
                event = decoder.decode(line[_FRAME_AT : len(line) - 1], time_ns)
            except FrameError:
                self._read_odd(line)
                continue
            kind = event.kind
            if decoder.has_sim_time or not (KIND_DEPTH <= kind <= KIND_MARK):
                self._read_odd(line)
                continue
            self._see_time(time_ns)
            if kind == KIND_TRADE and has(line, raw_at, _RAW_TRADE):
                self._fold(cast(Trade, event), False)
            else:
                self._append(event)

    def _read_odd(self, line: bytes) -> None:
        event = self._odd(line, int(self.lines))
        if event is None:
            return
        self._see_time(event.time_ns)
        if event.kind == KIND_TRADE and event.received_ns < 0:  # a raw trade, to be folded
            event.received_ns = 0
            self._fold(cast(Trade, event), True)
        else:
            self._append(event)

    def _append(self, event: Event) -> None:
        if self.has_agg_trades and event.kind == KIND_TRADE:
            trade = cast(Trade, event)
            agg_id = int(trade.trade_id)
            self._rows.append(
                (
                    int(self._base) + len(self._events),
                    int(trade.time_ns),
                    int(trade.trade_time_ms),
                    int(trade.price_e8),
                    int(trade.quantity_e8),
                    agg_id,
                    agg_id,
                    1,
                    trade.is_buyer_maker,
                )
            )
        self._events.append(event)

    def _see_time(self, time_ns: i64) -> None:
        if time_ns <= self._line_ns:
            self.is_disordered = True
        self._line_ns = time_ns

    def _fold(self, trade: Trade, is_odd: bool) -> None:
        """Into the open trade, or a new one. The place in the row is that of the last trade folded."""
        place: i64 = len(self._events)
        group = self._open
        if (
            group is not None
            and group.trade_time_ms == trade.trade_time_ms
            and group.price_e8 == trade.price_e8
            and group.is_buyer_maker == trade.is_buyer_maker
        ):
            self._events[self._slot] = self._hole
            self._events.append(group)
            self._quantity_e8 += trade.quantity_e8
            self._count += 1
        else:
            self._close()
            self._open = trade
            self._events.append(trade)
            self._first_id = trade.trade_id
            self._quantity_e8 = trade.quantity_e8
            self._count = 1
            self._is_open_odd = False
        self._slot = place
        self._open_ns = trade.time_ns
        self._event_ms = trade.event_time_ms
        self._last_id = trade.trade_id
        self._is_open_odd = self._is_open_odd or is_odd

    def _close(self) -> None:
        """Nothing more is folded into the open trade: it becomes an aggTrade."""
        trade = self._open
        if trade is None:
            return
        self._open = None
        trade.time_ns = self._open_ns
        trade.event_time_ms = self._event_ms
        trade.trade_id = self._next_agg_id
        self._next_agg_id += 1
        if self._count > 1:
            trade.quantity_e8 = self._quantity_e8
            trade.quantity = float(self._quantity_e8) / 1e8
        self._rows.append(
            (
                int(self._base + self._slot),
                int(trade.time_ns),
                int(trade.trade_time_ms),
                int(trade.price_e8),
                int(trade.quantity_e8),
                int(self._first_id),
                int(self._last_id),
                int(self._count),
                trade.is_buyer_maker,
            )
        )
        if self._is_open_odd:
            self._events[self._slot] = self._close_odd(trade, int(self._first_id), int(self._last_id))


def stamp_of(line: bytes) -> i64:
    """The receive time of a line of the usual shape, ns; 0 for any other line."""
    return _stamp_by_bytes(line) if IS_COMPILED else _stamp_by_slices(line)  # bytes are slow in the pure build


def _stamp_by_bytes(line: bytes) -> i64:
    size: i64 = len(line)
    if size < _LINE_MIN:
        return 0
    if line[size - 1] != _CLOSE or line[size - 2] != _CLOSE or line[size - 3] != _CLOSE:
        return 0
    if not has(line, 0, _HEAD) or not has(line, _STAMP_END, _FRAME_HEAD):
        return 0
    value: i64 = 0
    at: i64 = _STAMP_AT
    while at < _STAMP_END:
        digit: i64 = line[at] - 48
        if digit < 0 or digit > 9:
            return 0
        value = value * 10 + digit
        at += 1
    return value if line[_STAMP_AT] < 57 else 0  # a first digit of 9 would not fit


def _stamp_by_slices(line: bytes) -> i64:
    if len(line) < _LINE_MIN:
        return 0
    if not line.startswith(_HEAD) or not line.startswith(_FRAME_HEAD, _STAMP_END) or not line.endswith(b"}}}"):
        return 0
    digits = line[_STAMP_AT:_STAMP_END]
    return int(digits) if digits.isdigit() and digits < b"9" else 0
