"""Makers of streams: each is made when somebody subscribes, looks at the market after each of its steps, and gives out
payloads on a grid of the exchange's clock. What they give out follows from the market alone, not from who listens; only
the first period, in which somebody subscribed, is a part of one.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.exchange.market.history import ROW, BarHistory
from supreme_system_v5.adapters.exchange.market.sim_market import MINUTE_MS, OutFrame, SimMarket
from supreme_system_v5.adapters.exchange.rest.klines import DAY_MS, Interval
from supreme_system_v5.adapters.exchange.rest.stats import Window, window_of
from supreme_system_v5.adapters.exchange.rest.tickers import rolling_open
from supreme_system_v5.adapters.exchange.rest.trades import average_price
from supreme_system_v5.adapters.exchange.streams import names, payloads

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.streams.hub import StreamHub

LEVELS_MAX: Final = 20
AVERAGED_MARKS: Final = 30


class Maker:
    """``look`` is called after each step with its frames; it returns the payloads to give out now."""

    def __init__(self, hub: StreamHub, stream: names.Stream) -> None:
        self.hub = hub
        self.market: SimMarket = hub.market
        self.encoder = self.market.encoder
        self.stream = stream
        self._slot = self._slot_of(self.market.exchange_ms(self.market.last_ns))

    def _slot_of(self, now_ms: int) -> int:
        return now_ms // self.stream.period_ms

    def look(self, frames: Sequence[OutFrame], now_ns: int, now_ms: int) -> list[bytes]:
        """Payloads due; by default whatever ``make`` gives once a period."""
        del frames
        slot = self._slot_of(now_ms)
        if slot == self._slot:
            return []
        self._slot = slot
        return self.make(now_ns, now_ms)

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        """The payloads of a new period."""
        raise NotImplementedError

    def wrapped(self, payload: bytes) -> list[bytes]:
        """A payload as its stream carries it: in the !all forms inside an array."""
        return [b"[" + payload + b"]"] if self.stream.is_array else [payload]


class OnTrades(Maker):
    """Gives out only when there was a trade since the period before."""

    def __init__(self, hub: StreamHub, stream: names.Stream) -> None:
        super().__init__(hub, stream)
        self._seen = self.market.trades.next_agg_id

    def has_traded(self) -> bool:
        """True when there was a trade since the last call."""
        is_new = self.market.trades.next_agg_id != self._seen
        self._seen = self.market.trades.next_agg_id
        return is_new


class Klines(OnTrades):
    """The forming bar after a change, and each bar once more when it has closed."""

    def __init__(self, hub: StreamHub, stream: names.Stream) -> None:
        super().__init__(hub, stream)
        assert stream.interval is not None
        self.interval: Interval = stream.interval
        self._open_ms = self.interval.open_of(self.market.exchange_ms(self.market.last_ns))
        self._name = self.interval.name

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        del now_ns
        made: list[bytes] = []
        open_ms = self.interval.open_of(now_ms)
        has_traded = self.has_traded()
        if open_ms > self._open_ms:
            made.append(self._payload(now_ms, self._open_ms, True))
            self._open_ms = open_ms
        if has_traded:
            made.append(self._payload(now_ms, open_ms, False))
        return [payload for payload in made if payload]

    def _payload(self, now_ms: int, open_ms: int, is_closed: bool) -> bytes:
        next_ms = self.interval.next_of(open_ms)
        store = self.market.seconds if self.interval.base_ms == 1_000 else self.market.minutes
        row = bar_row(store, open_ms, next_ms)
        if row is None or not (row[7] or is_closed):
            return b""  # a bar without a trade is told only when it has closed
        last_id = last_id_before(self.market, next_ms) if row[7] else -1
        first_id = last_id - row[7] + 1 if row[7] else -1
        bar = payloads.Bar(row, next_ms - 1, first_id, last_id, is_closed)
        is_continuous = self.stream.kind == names.CONTINUOUS
        return payloads.kline(self.encoder, now_ms, bar, self._name, is_continuous)


def bar_row(store: BarHistory, open_ms: int, next_ms: int) -> list[int] | None:
    """The bar of a span from the rows kept; flat where nothing was traded, None before everything that is known."""
    data, period = store.data, store.period_ms
    count = len(store)
    if not count or next_ms <= data[0]:
        return None
    first = max(0, (open_ms - data[0]) // period)
    last = min(count, (next_ms - data[0]) // period)
    if first >= last:
        close = data[(min(first, count) - 1) * ROW + 4]
        return [open_ms, close, close, close, close, 0, 0, 0, 0, 0]
    start, end = first * ROW, last * ROW
    row = [open_ms, data[start + 1], max(data[start + 2 : end : ROW]), min(data[start + 3 : end : ROW])]
    row.append(data[end - ROW + 4])
    row.extend([sum(data[start + column : end : ROW]) for column in range(5, ROW)])
    return row


def last_id_before(market: SimMarket, end_ms: int) -> int:
    """The id of the last trade before a time; -1 when none is kept."""
    trades = market.trades
    index = len(trades.times) - 1
    while index >= 0 and trades.trade_ms[index] >= end_ms:
        index -= 1
    return trades.last_ids[index] if index >= 0 else -1


class Tickers(OnTrades):
    """24-hour statistics, small or full, or of a rolling window."""

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        if not self.has_traded():
            return []
        kind = self.stream.kind
        open_ms = now_ms - DAY_MS
        if kind == names.ROLLING:
            open_ms = rolling_open(now_ms, names.WINDOWS_MS[self.stream.window])
        found: Window | None = window_of(self.market, self.hub.rows(now_ns), now_ns, open_ms, now_ms)
        if found is None:
            return []
        if kind == names.MINI:
            return self.wrapped(payloads.mini_ticker(self.encoder, now_ms, found))
        if kind == names.ROLLING:
            return self.wrapped(payloads.rolling_ticker(self.encoder, now_ms, self.stream.window, found))
        _, bid, ask = self.market.quote_as_of(now_ns)
        return self.wrapped(payloads.ticker(self.encoder, now_ms, found, bid or (0, 0), ask or (0, 0)))


class AveragePrices(Maker):
    """The average price of the last 5 minutes, when it has changed."""

    def __init__(self, hub: StreamHub, stream: names.Stream) -> None:
        super().__init__(hub, stream)
        self._last_e8 = average_price(self.market, self.market.last_ns)[0]

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        price_e8, last_ms, _ = average_price(self.market, now_ns)
        if price_e8 in (0, self._last_e8):
            return []
        self._last_e8 = price_e8
        return [payloads.average(self.encoder, now_ms, price_e8, last_ms)]


class PartialDepths(Maker):
    """The best levels, once a period."""

    def __init__(self, hub: StreamHub, stream: names.Stream) -> None:
        super().__init__(hub, stream)
        self._previous_id = self.market.book.last_update_id

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        bids, asks, update_id = self.hub.best(now_ns)
        if update_id == self._previous_id:
            return []
        previous_id, self._previous_id = self._previous_id, update_id
        count = self.stream.levels
        return [payloads.partial_depth(self.encoder, now_ms, update_id, previous_id, bids[:count], asks[:count])]


class SlowDepths(Maker):
    """The market's own diffs gathered over a longer time: the last quantity of each level."""

    def __init__(self, hub: StreamHub, stream: names.Stream) -> None:
        super().__init__(hub, stream)
        self._bids: dict[str, str] = {}
        self._asks: dict[str, str] = {}
        self._ids: tuple[int, int, int] | None = None

    def look(self, frames: Sequence[OutFrame], now_ns: int, now_ms: int) -> list[bytes]:
        for frame in frames:
            if frame.stream == self.hub.depth_stream:
                self._gather(self.hub.decoded(frame))
        return super().look(frames, now_ns, now_ms)

    def _gather(self, data: dict[str, Any]) -> None:
        self._bids.update(data["b"])
        self._asks.update(data["a"])
        first = (data["U"], data.get("pu", -1)) if self._ids is None else (self._ids[0], self._ids[2])
        self._ids = (first[0], data["u"], first[1])

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        del now_ns
        if self._ids is None:
            return []
        ids, self._ids = self._ids, None
        bids, asks = _side(self._bids, True), _side(self._asks, False)
        self._bids, self._asks = {}, {}
        return [payloads.slow_depth(self.encoder, now_ms, ids, bids, asks)]


def _side(levels: dict[str, str], is_bid: bool) -> str:
    """Levels best first; of texts with equal decimals the longer number is the larger."""
    ordered = sorted(levels, key=lambda price: (len(price), price), reverse=is_bid)
    return ",".join([f'["{price}","{levels[price]}"]' for price in ordered])


class Marks(Maker):
    """The mark price with its moving average, with the market's own once-a-second frame."""

    def look(self, frames: Sequence[OutFrame], now_ns: int, now_ms: int) -> list[bytes]:
        if not any(frame.stream == self.hub.mark_stream for frame in frames):
            return []
        return super().look(frames, now_ns, now_ms)

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        if not self.market.marks:
            return []
        average_e8 = average_mark(self.market, now_ns)
        return self.wrapped(payloads.mark_price(self.encoder, now_ms, self.market.marks[-1], average_e8))


def average_mark(market: SimMarket, as_of_ns: int) -> int:
    """The moving average of the mark price: of the last 30 announced up to a time."""
    end = len(market.marks)
    while end > 1 and market.marks[end - 1][0] > as_of_ns:
        end -= 1
    marks = market.marks[max(0, end - AVERAGED_MARKS) : end]
    return sum([mark[1] for mark in marks]) // len(marks)


class BookTickers(Maker):
    """The best prices every 5 seconds (the USD-M !all form)."""

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        update_id, bid, ask = self.market.quote_as_of(now_ns)
        if bid is None or ask is None:
            return []
        return [payloads.with_pair(self.encoder, self.encoder.quote(now_ms, update_id, *bid, *ask))]


class ForceOrders(Maker):
    """The last liquidation of each second that had one."""

    def __init__(self, hub: StreamHub, stream: names.Stream) -> None:
        super().__init__(hub, stream)
        self._order: payloads.ForcedOrder | None = None

    def liquidated(self, order: payloads.ForcedOrder) -> None:
        """A liquidation order has been executed."""
        self._order = order

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        del now_ns
        order, self._order = self._order, None
        if order is None:
            return []
        return [payloads.force_order(self.encoder, now_ms, order, self.stream.is_array)]


class AssetIndexes(Maker):
    """The base asset's index, once a second."""

    def make(self, now_ns: int, now_ms: int) -> list[bytes]:
        del now_ns
        if not self.market.marks:
            return []
        asset = self.market.symbol[:-1]
        return self.wrapped(payloads.asset_index(asset, now_ms, self.market.marks[-1][2]))


MAKERS: Final[dict[str, Callable[[Any, names.Stream], Maker]]] = {
    names.KLINE: Klines,
    names.CONTINUOUS: Klines,
    names.MINI: Tickers,
    names.TICKER: Tickers,
    names.ROLLING: Tickers,
    names.AVERAGE: AveragePrices,
    names.PARTIAL: PartialDepths,
    names.SLOW_DEPTH: SlowDepths,
    names.MARK: Marks,
    names.BOOK_TICKERS: BookTickers,
    names.FORCE_ORDER: ForceOrders,
    names.ASSET_INDEX: AssetIndexes,
}


def best_of(market: SimMarket, now_ns: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]], int]:
    """The best 20 levels of each side in 1e-8 units, and the update id."""
    bids, asks, update_id = market.book_as_of(now_ns)
    price, quantity = market.price_unit, market.quantity_unit
    return (
        [(p * price, bids[p] * quantity) for p in heapq.nlargest(LEVELS_MAX, bids)],
        [(p * price, asks[p] * quantity) for p in heapq.nsmallest(LEVELS_MAX, asks)],
        update_id,
    )


def minute_rows(market: SimMarket, now_ns: int) -> list[list[int]]:
    """All minute rows as of now."""
    return market.rows_as_of(MINUTE_MS, now_ns)


def decode(payload: bytes) -> dict[str, Any]:
    """A frame's data object."""
    data: dict[str, Any] = json.loads(payload)
    return data
