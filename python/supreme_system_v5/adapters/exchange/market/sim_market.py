"""The simulated market as a pure object: time is asked and advanced from outside, answers are as of a given time.

The server drives it over sockets; tests drive the very same object in a plain loop. Frames come out with strictly
increasing times, so their order by (time, stream rank) is the order in which ``step`` returns them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from supreme_system_v5.adapters.exchange.market.history import BarHistory, BookHistory, TradeHistory
from supreme_system_v5.adapters.exchange.market.raw_trades import AggRow, deal_out, trade_payload
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.wire.binance_encode import BinanceEncoder

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.archives.deep_past import DeepPast

NEVER: Final = NEVER_NS
NS_PER_MS: Final = 1_000_000
NS_PER_SECOND: Final = 1_000_000_000
MINUTE_MS: Final = 60_000
FUNDING_PERIOD_MS: Final = 8 * 3_600_000
RAW_NS: Final = 998  # the single trades of an aggTrade lie within so many ns after it, before the next frame

# What a stream carries, by the name a client subscribes to.
TRADE: Final = "trade"  # aggTrade
QUOTE: Final = "quote"
DEPTH: Final = "depth"
MARK: Final = "mark"
RAW_TRADE: Final = "raw_trade"


class OutFrame(NamedTuple):
    """One stream message: market time, stream name (lower case, today's), the data object without x_time_ns."""

    time_ns: int
    stream: str
    payload: bytes


def stream_kind(stream: str) -> str:
    """TRADE, QUOTE, DEPTH, MARK or RAW_TRADE for a stream name; "" for one that is not served."""
    name = stream.partition("@")[2]
    if name == "aggTrade":
        return TRADE
    if name == "bookTicker":
        return QUOTE
    if name.startswith("depth"):
        return DEPTH
    if name.startswith("markPrice"):
        return MARK
    return RAW_TRADE if name == "trade" else ""


class SimMarket:
    """Base of the generated and the recorded market: histories, and what the REST answers need.

    ``price_unit`` and ``quantity_unit`` turn the book's integers into 1e-8 units.
    """

    source = ""  # "generated" | "recorded"

    def __init__(self, market: str, start_ns: int, price_unit: int, quantity_unit: int, first_agg_id: int) -> None:
        self.market = market
        self.symbol = "ETHUSDT"
        self.start_ns = start_ns
        self.end_ns = NEVER  # of a recording: the time of its last frame
        self.offset_ns = 0  # the exchange's clock minus market time
        self.price_unit = price_unit
        self.quantity_unit = quantity_unit
        self.encoder = BinanceEncoder(market, self.symbol)
        self.book = BookHistory()
        self.trades = TradeHistory(first_agg_id)
        self.minutes = BarHistory(MINUTE_MS)
        self.seconds = BarHistory(1_000, 4_000)
        self.marks: list[tuple[int, int, int, int, int]] = []  # time_ns, mark, index, rate, next funding ms
        self.deep_past: DeepPast | None = None  # the days before what is kept, where archives are served
        self.last_ns = start_ns  # time of the last frame given out
        self.is_raw_wanted = False  # give out the raw trade stream too: somebody listens to it
        self.trade_parts: dict[int, list[tuple[int, int]]] = {}  # first id of an aggTrade -> its trades, where known

    # The market's own motion ------------------------------------------------------------------------------------

    def next_ns(self) -> int:
        """Market time of the next frame; NEVER when there is none."""
        raise NotImplementedError

    def step(self) -> list[OutFrame]:
        """Let the next thing happen; its frames, in order, all earlier than the next ``next_ns()``."""
        raise NotImplementedError

    def settle(self, time_ns: int) -> None:
        """A command to the venue at this time may have changed something (background.py); nothing trades here."""

    def describe(self) -> dict[str, object]:
        """What this market is, for the start lines and /x/status."""
        raise NotImplementedError

    def move(self, fraction: float, seconds: float) -> None:
        """Shift the price by a fraction within some seconds (fault tests). Raises ValueError where it cannot."""
        raise ValueError(f"a {self.source} market cannot be moved by {fraction} in {seconds} s")

    # Single trades ---------------------------------------------------------------------------------------------

    def raw_trades(self, row: AggRow) -> list[tuple[int, int]]:
        """(id, quantity e8) of each trade of a kept aggTrade (a row of ``trades``)."""
        known = self.trade_parts.get(row[3])
        return deal_out(row[3], row[4], row[2], self.quantity_unit) if known is None else known

    def with_raw_trades(self, frames: list[OutFrame]) -> list[OutFrame]:
        """The frames with the single trades of each aggTrade after it, a few ns apart."""
        raw_stream = f"{self.symbol.lower()}@trade"
        all_frames: list[OutFrame] = []
        for frame in frames:
            all_frames.append(frame)
            if not frame.stream.endswith("@aggTrade"):
                continue
            row = self.trades.row_of(json.loads(frame.payload)["a"])
            parts = self.raw_trades(row)
            for index, part in enumerate(parts):
                payload = trade_payload(self.encoder, row[5], row[5], part, row[1], row[6])
                time_ns = frame.time_ns + 1 + index * RAW_NS // len(parts)
                all_frames.append(OutFrame(time_ns, raw_stream, payload))
        return all_frames

    # As-of views, used by rest_views ----------------------------------------------------------------------------

    def exchange_ms(self, as_of_ns: int) -> int:
        """The exchange's clock at a market time."""
        return (as_of_ns + self.offset_ns) // NS_PER_MS

    def book_as_of(self, as_of_ns: int) -> tuple[dict[int, int], dict[int, int], int]:
        """Bids, asks (market units) and the last applied update id."""
        return self.book.as_of(as_of_ns)

    def quote_as_of(self, as_of_ns: int) -> tuple[int, tuple[int, int] | None, tuple[int, int] | None]:
        """Update id, best bid and best ask as (price, quantity) in 1e-8 units."""
        bids, asks, update_id = self.book_as_of(as_of_ns)
        bid = max(bids) if bids else 0
        ask = min(asks) if asks else 0
        return (
            update_id,
            (bid * self.price_unit, bids[bid] * self.quantity_unit) if bid else None,
            (ask * self.price_unit, asks[ask] * self.quantity_unit) if ask else None,
        )

    def rows_as_of(self, period_ms: int, as_of_ns: int) -> list[list[int]]:
        """All kline rows of 1 s or 1 min kept, the forming one last, as of a market time."""
        store = self.seconds if period_ms == 1_000 else self.minutes
        settled, later = store.rows_as_of(as_of_ns, self.exchange_ms(as_of_ns), self.trades)
        rows = [store.row(i) for i in range(settled)]
        rows.extend([row for row in later if row[1] > 0])
        return rows

    def mark_as_of(self, as_of_ns: int) -> tuple[int, int, int, int, int] | None:
        """The last announced (time_ns, mark, index, rate, next funding ms); None where there is none."""
        for mark in reversed(self.marks):
            if mark[0] <= as_of_ns:
                return mark
        return self.marks[0] if self.marks else None

    def funding_rates(self, as_of_ns: int, count: int) -> list[tuple[int, int, int]]:
        """The settled (funding_ms, rate, mark), oldest first, at most ``count``; none here."""
        raise NotImplementedError

    def rest(
        self, path: str, params: Mapping[str, str], as_of_ns: int, is_micro: bool = False, has_key: bool = False
    ) -> tuple[int, bytes, dict[str, str]]:
        """The reply to a REST request as of a market time: status, body, headers.

        ``is_micro``: times in microseconds (spot only); ``has_key``: an API key came with it.
        """
        from supreme_system_v5.adapters.exchange.rest.views import answer

        return answer(self, path, params, as_of_ns, is_micro, has_key)
