"""What is known of the market now: shared by the engine and the paper venue, so both see the same prices."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import (
    KIND_CLOSED_BAR,
    KIND_DEPTH,
    KIND_MARK,
    KIND_QUOTE,
    KIND_SNAPSHOT,
    KIND_TRADE,
    BookSnapshot,
    ClosedBar,
    Depth,
    Event,
    MarkPrice,
    Quote,
    Trade,
)
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.market.local_book import APPLIED, GAP, STALE, LocalBook

_CHECKSUM_MASK: Final = (1 << 54) - 1  # x 33 still fits 64 bits, so compiled and pure sums agree
_VALUE_MASK: Final = (1 << 48) - 1
_33_2: Final = 33**2
_33_4: Final = 33**4


def _total(levels: list[i64]) -> i64:
    """The sum of a side's numbers, cut to 48 bits before it becomes an i64: absurd quantities must not overflow."""
    return int(sum(levels)) & _VALUE_MASK


class MarketView:
    """The latest accepted quote, trade, mark and book of one instrument; 0 = not known yet.

    A REST snapshot newer than the last quote also sets the quote (``quote_ns`` = its engine time): a book is a quote.
    ``checksum`` is of every number accepted so far, in order: the digest sees through it what no decision looked at.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.local_book = LocalBook(instrument.market, instrument.tick_e8)
        self.bid_e8: i64 = 0
        self.bid_quantity_e8: i64 = 0
        self.ask_e8: i64 = 0
        self.ask_quantity_e8: i64 = 0
        self.quote_ns: i64 = 0
        self.quote_update_id: i64 = -1
        self.last_trade_e8: i64 = 0
        self.last_trade_id: i64 = -1
        self.trade_ns: i64 = 0
        self.depth_ns: i64 = 0
        self.mark_e8: i64 = 0
        self.funding_rate_e8: i64 = 0
        self.next_funding_ms: i64 = 0
        self.mark_ns: i64 = 0
        self.mark_event_ms: i64 = 0
        self.checksum: i64 = 0
        # Where history has no quotes they are derived from trades or bars; a depth of 0 = quotes come as events.
        self.derived_spread_e8: i64 = 0
        self.derived_depth_e8: i64 = 0
        self.is_derived = False

    def derive_quotes(self, spread_e8: i64, depth_e8: i64) -> None:
        """From here on every trade and every closed bar is also a quote.

        The side that a trade took is at the trade's price, the other one ``spread_e8`` away; of a bar the close is
        the middle. Every tick from the best price on offers ``depth_e8``. Raises ValueError for a negative spread or
        no depth. A spread of 0 is a market of one price.
        """
        if spread_e8 < 0 or depth_e8 <= 0:
            raise ValueError(f"no market: spread {spread_e8}, depth {depth_e8}")
        self.derived_spread_e8 = spread_e8
        self.derived_depth_e8 = depth_e8
        self.is_derived = True

    @property
    def has_one_price(self) -> bool:
        """True where quotes are derived without a spread."""
        return self.is_derived and self.derived_spread_e8 == 0

    def apply(self, event: Event) -> int:
        """Take a market event: APPLIED, BUFFERED, STALE (old, repeated or crossed: ignored) or GAP (the book needs a
        snapshot). Raises TypeError for any other event.
        """
        kind = event.kind
        if kind == KIND_QUOTE:
            assert isinstance(event, Quote)
            return self._on_quote(event)
        if kind == KIND_TRADE:
            assert isinstance(event, Trade)
            return self.on_trade(event)
        if kind == KIND_DEPTH:
            assert isinstance(event, Depth)
            self.depth_ns = event.time_ns
            code = self.local_book.on_depth(event)
            if code == APPLIED:
                self._mix(_total(event.bids), _total(event.asks))
            return code
        if kind == KIND_MARK:
            assert isinstance(event, MarkPrice)
            return self._on_mark(event)
        if kind == KIND_CLOSED_BAR:
            assert isinstance(event, ClosedBar)
            return self.on_closed_bar(event)
        if kind == KIND_SNAPSHOT:
            assert isinstance(event, BookSnapshot)
            return self._on_snapshot(event)
        raise TypeError(f"not a market event: kind {kind}")

    def _mix(self, first: i64, second: i64) -> None:
        mixed: i64 = (self.checksum * 33 + (first & _VALUE_MASK)) & _CHECKSUM_MASK
        self.checksum = (mixed * 33 + (second & _VALUE_MASK)) & _CHECKSUM_MASK

    def reset(self) -> None:
        """After a reconnect: the book starts anew and update ids are no longer compared; the prices stay."""
        self.local_book.reset()
        self.quote_update_id = -1
        self.last_trade_id = -1

    def invalidate_quote(self) -> None:
        """What was offered is offered no more (silence, a clock step): nothing may fill until the next quote."""
        self.bid_e8 = 0
        self.bid_quantity_e8 = 0
        self.ask_e8 = 0
        self.ask_quantity_e8 = 0

    def mid_e8(self) -> i64:
        """Middle of the quote, rounded down to a unit; 0 when there is none."""
        return (self.bid_e8 + self.ask_e8) // 2 if self.bid_e8 > 0 else 0

    def _on_quote(self, event: Quote) -> int:
        if event.update_id <= self.quote_update_id:
            return STALE
        if event.bid_e8 <= 0 or event.bid_e8 >= event.ask_e8:
            return STALE
        self.bid_e8 = event.bid_e8
        self.bid_quantity_e8 = event.bid_quantity_e8
        self.ask_e8 = event.ask_e8
        self.ask_quantity_e8 = event.ask_quantity_e8
        self.quote_ns = event.time_ns
        self.quote_update_id = event.update_id
        self._mix(event.bid_e8, event.bid_quantity_e8)
        self._mix(event.ask_e8, event.ask_quantity_e8)
        return APPLIED

    def on_trade(self, event: Trade) -> int:
        """As ``apply``, of a trade."""
        if event.trade_id <= self.last_trade_id:
            return STALE
        self.last_trade_id = event.trade_id
        self.last_trade_e8 = event.price_e8
        self.trade_ns = event.time_ns
        # `_mix` twice, of price and quantity, time and side, in one sum (pure 75 ns less). Compiled it wraps around 64
        # bits (-fwrapv, see setup.py), pure it does not; the 54 bits that are kept are the same.
        mixed: i64 = self.checksum * _33_4 + (event.trade_time_ms & _VALUE_MASK) * 33
        mixed += ((event.price_e8 & _VALUE_MASK) * 33 + (event.quantity_e8 & _VALUE_MASK)) * _33_2
        if event.is_buyer_maker:
            mixed += 1
        self.checksum = mixed & _CHECKSUM_MASK
        if self.is_derived:
            bid_e8 = ask_e8 = event.price_e8
            if event.is_buyer_maker:
                ask_e8 += self.derived_spread_e8
            else:
                bid_e8 -= self.derived_spread_e8
            # As `_derive`, written out; the quantities have been there since the first trade.
            self.bid_e8 = bid_e8
            if bid_e8 <= 0:
                self.bid_e8 = 1
            self.ask_e8 = ask_e8
            self.quote_ns = event.time_ns
            if self.bid_quantity_e8 != self.derived_depth_e8:
                self._derive(self.bid_e8, ask_e8, event.time_ns)
        return APPLIED

    def _derive(self, bid_e8: i64, ask_e8: i64, time_ns: i64) -> None:
        self.bid_e8 = bid_e8
        if bid_e8 <= 0:
            self.bid_e8 = 1
        self.ask_e8 = ask_e8
        self.bid_quantity_e8 = self.derived_depth_e8
        self.ask_quantity_e8 = self.derived_depth_e8
        self.quote_ns = time_ns

    def on_closed_bar(self, event: ClosedBar) -> int:
        """As ``apply``, of a closed bar."""
        if event.time_ns <= self.trade_ns:
            return STALE
        self.last_trade_e8 = event.close_e8
        self.trade_ns = event.time_ns
        self._mix(event.open_ms, event.open_e8)
        self._mix(event.high_e8, event.low_e8)
        self._mix(event.close_e8, event.volume_e8)
        if self.is_derived:
            half_e8 = self.derived_spread_e8 // 2
            self._derive(event.close_e8 - half_e8, event.close_e8 + half_e8, event.time_ns)
        return APPLIED

    def _on_mark(self, event: MarkPrice) -> int:
        if event.event_time_ms < self.mark_event_ms or event.mark_e8 <= 0:
            return STALE
        self.mark_e8 = event.mark_e8
        self.funding_rate_e8 = event.funding_rate_e8
        self.next_funding_ms = event.next_funding_ms
        self.mark_ns = event.time_ns
        self.mark_event_ms = event.event_time_ms
        self._mix(event.mark_e8, event.funding_rate_e8)
        return APPLIED

    def _on_snapshot(self, event: BookSnapshot) -> int:
        result = self.local_book.on_snapshot(event)
        if result != STALE:
            self._mix(_total(event.bids), _total(event.asks))
        book = self.local_book.book
        if result != GAP and event.last_update_id > self.quote_update_id:
            bid_e8 = book.best_bid_e8()
            ask_e8 = book.best_ask_e8()
            if 0 < bid_e8 < ask_e8:
                self.bid_e8 = bid_e8
                self.bid_quantity_e8 = book.best_bid_quantity_e8()
                self.ask_e8 = ask_e8
                self.ask_quantity_e8 = book.best_ask_quantity_e8()
                self.quote_ns = event.time_ns
                self.quote_update_id = self.local_book.last_update_id
        return result
