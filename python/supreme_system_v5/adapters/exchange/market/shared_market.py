"""The generated market with clients in it: one book, one tape. Without a client's order it is the generated market,
byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from supreme_system_v5.adapters.exchange.market import state as market_state
from supreme_system_v5.adapters.exchange.market.background import TradingVenue, VenueLink
from supreme_system_v5.adapters.exchange.market.generator import FRAME_NS, TICK_E8, GeneratedMarket
from supreme_system_v5.adapters.exchange.market.shared_book import GeneratedLiquidity, SharedBook
from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame
from supreme_system_v5.adapters.exchange.market.tape import Tape
from supreme_system_v5.core.domain.events import Trade


class SharedMarket(GeneratedMarket):
    """See Background for how a venue is bound to it."""

    book_class = SharedBook

    def __init__(
        self,
        market: str,
        seed: int,
        start_ns: int,
        profile: str = "calibrated",
        bar_seconds: float = 1.0,
        state: dict[str, object] | None = None,
    ) -> None:
        super().__init__(market, seed, start_ns, profile, bar_seconds, state)
        assert isinstance(self.levels, SharedBook)
        self.shared: SharedBook = self.levels
        self.tape = Tape(self)
        self.shared.tape = self.tape
        self.shared.tick_e8 = TICK_E8
        self.shared.step_e8 = self.quantity_unit
        self.shared.time_ns = start_ns
        self.liquidity = GeneratedLiquidity(self.shared)
        self.trade_source: Callable[[], int] | None = self.tape.next_trade_id
        self._link: VenueLink | None = None
        self._ready: list[OutFrame] = []  # made by commands and timers, to be given out by the next step
        self._quoted: tuple[int, int, int, int] = self._shown_quote()
        self._told: list[Trade] = []  # trades of this step the venue has not heard of

    def bind(self, venue: TradingVenue) -> None:
        """From now on the venue trades here. Once, before the first step."""
        self._link = VenueLink(venue)
        self.shared.orders = self._link.orders

    # Time --------------------------------------------------------------------------------------------------------

    def next_ns(self) -> int:
        if self._ready:
            return self._ready[0].time_ns
        due_ns = super().next_ns()
        return due_ns if self._link is None else min(due_ns, max(self._link.next_ns(), self.last_ns + 1))

    def step(self) -> list[OutFrame]:
        if self._ready:
            return self._take_ready()
        if self._link is not None:
            timer_ns = self._link.next_ns()
            if timer_ns <= super().next_ns():
                time_ns = max(timer_ns, self.last_ns + 1)
                self.shared.time_ns = time_ns
                self._link.advance(time_ns)
                self.settle(time_ns)
                return self._take_ready()
        frames = super().step()
        self._reserve()
        return frames

    def _take_ready(self) -> list[OutFrame]:
        frames = self._ready
        self._ready = []
        return self.with_raw_trades(frames) if self.is_raw_wanted else frames

    def settle(self, time_ns: int) -> None:
        """A command at this market time may have changed something: the public is told with the next ``step``."""
        if self._link is None:
            return
        self.shared.time_ns = max(time_ns, self.last_ns)
        frames = self._reaction(self.shared.time_ns)
        self._ready.extend(frames)
        self._reserve()

    def _reserve(self) -> None:
        """What happens next comes after what waits, and after the single trades of the last of it."""
        if self._ready:
            self.last_ns = max(self.last_ns, self._ready[-1].time_ns + FRAME_NS - 1)

    # What happens ------------------------------------------------------------------------------------------------

    def _sweep(self, time_ns: int, size: int, fills: int, levels_wanted: int) -> list[OutFrame]:
        self.shared.time_ns = time_ns
        if not self.shared.is_shared(not self._is_buying):
            frames = super()._sweep(time_ns, size, fills, levels_wanted)
            if self._link is not None:
                self._told = [self._last_trade(len(frames) - i) for i in range(len(frames))]
            return frames
        self.shared.sweep_shared(self._is_buying, size, levels_wanted, fills)
        return self._printed(time_ns)

    def _last_trade(self, back: int) -> Trade:
        """The aggTrade that was the ``back``-th last; nobody's order was in its way."""
        time_ns = self.trades.times[-back]
        agg_id, price_e8, quantity_e8, _, _, trade_ms, is_buyer_maker = self.trades.row(len(self.trades.times) - back)
        return Trade(time_ns, trade_ms, trade_ms, agg_id, price_e8, quantity_e8, is_buyer_maker)

    def _printed(self, first_ns: int) -> list[OutFrame]:
        """What has been traded, from the tape."""
        self._take_news()
        frames, trades = self.tape.print_out(first_ns)
        self._told.extend(trades)
        return frames

    def _sweep_event(self, time_ns: int) -> list[OutFrame]:
        frames = super()._sweep_event(time_ns)
        return frames if self._link is None else self._tell_quote(time_ns, frames)

    def _quote_event(self, time_ns: int) -> list[OutFrame]:
        if self._link is None:
            return super()._quote_event(time_ns)
        self.shared.time_ns = time_ns
        self._move_quotes(time_ns)
        frames = self._printed(time_ns)
        frames.append(self._quote_frame(frames[-1].time_ns + FRAME_NS if frames else time_ns))
        return self._tell_quote(time_ns, frames)

    def _tell_quote(self, time_ns: int, frames: list[OutFrame]) -> list[OutFrame]:
        """The venue hears of the trades and the quote; what it does about them comes after their frames."""
        assert self._link is not None
        told, self._told = self._told, []
        for trade in told:
            self._link.venue.on_trade(trade)
        self._tell(self._link.venue.on_quote, time_ns)
        return self._react(frames)

    def _depth_event(self, time_ns: int) -> list[OutFrame]:
        self.shared.time_ns = time_ns
        frames = super()._depth_event(time_ns)
        if self._link is None:
            return frames
        self._tell(self._link.venue.on_depth, time_ns)
        return self._react(frames)

    def _mark_event(self, time_ns: int) -> list[OutFrame]:
        self.shared.time_ns = time_ns
        frames = super()._mark_event(time_ns)
        if self._link is None:
            return frames
        _, mark_e8, index_e8, rate_e8, next_funding_ms = self.marks[-1]
        self._link.on_mark(time_ns, mark_e8, index_e8, rate_e8, next_funding_ms)
        return self._react(frames)

    def _tell(self, tell: Callable[[int], object], time_ns: int) -> None:
        self.liquidity.is_telling = True
        tell(time_ns)
        self.liquidity.is_telling = False

    def _react(self, frames: list[OutFrame]) -> list[OutFrame]:
        self._ready.extend(self._reaction(frames[-1].time_ns))
        return frames

    def _reaction(self, after_ns: int) -> list[OutFrame]:
        """What clients' orders have done since: their trades, and the quote where that changed it."""
        is_changed = self._take_news()
        frames, _ = self.tape.print_out(after_ns + FRAME_NS)
        if self._shown_quote() != self._quoted:
            frames.append(self._quote_frame(frames[-1].time_ns + FRAME_NS if frames else after_ns + FRAME_NS))
        elif is_changed or frames:
            self.book.close_batch(after_ns, self.levels.update_id)
        return frames

    def _take_news(self) -> bool:
        """The venue's trades go on the tape, its changed levels into the book; True when a level changed."""
        if self._link is None:
            return False
        trades, levels = self._link.news()
        for trade in trades:
            self.tape.add_client(trade.time_ns, trade.trade_id, trade.price_e8, trade.quantity_e8, trade.is_buyer_maker)
        levels |= self.liquidity.touched
        self.liquidity.touched.clear()
        if self.shared.impact_ticks:
            self.path.fair = max(1_000.0, self.path.fair + self.shared.impact_ticks)
            self.shared.impact_ticks = 0.0
        is_changed = False
        for side, price_e8 in sorted(levels):
            steps = self._link.orders.visible_e8(side, price_e8) // self.quantity_unit
            is_changed |= self.shared.set_clients(side > 0, price_e8 // TICK_E8, steps)
        return is_changed

    def _quote_frame(self, time_ns: int) -> OutFrame:
        self._quoted = self._shown_quote()
        return super()._quote_frame(time_ns)

    def _shown_quote(self) -> tuple[int, int, int, int]:
        bid, ask = self.levels.shown_best()
        return bid, self.book.bids[bid], ask, self.book.asks[ask]

    # State -------------------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """Everything that determines the future of the market (not the venue's state); JSON-able."""
        saved = market_state.save(self)
        book = self.shared
        saved["own"] = [sorted(book.bids.items()), sorted(book.asks.items())]
        saved["clients"] = [sorted(book.client_bids.items()), sorted(book.client_asks.items())]
        saved["changed"] = [list(book.changed_bids), list(book.changed_asks)]
        saved["ready"] = [[frame.time_ns, frame.stream, frame.payload.decode()] for frame in self._ready]
        return saved

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from there, exactly. Raises ValueError for a state of another market, seed or profile, or a broken one.

        The venue is restored for itself, before or after.
        """
        market_state.restore(self, saved)
        book = self.shared
        book.bids, book.asks = (dict(map(tuple, side)) for side in saved["own"])
        book.client_bids, book.client_asks = (dict(map(tuple, side)) for side in saved["clients"])
        book.changed_bids, book.changed_asks = (list(side) for side in saved["changed"])
        book.time_ns = self.last_ns
        self._ready = [OutFrame(time_ns, stream, text.encode()) for time_ns, stream, text in saved["ready"]]
        self._quoted = self._shown_quote()
        self._told = []
        self.liquidity.touched.clear()
