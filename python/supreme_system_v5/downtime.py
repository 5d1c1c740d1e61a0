"""A restart with an open position: what happened to it meanwhile, found out before any entry.

First the downtime itself, from REST. Between its last trade and the first one of the stream there is still a moment
nobody has looked at; it is closed by trade id when that first trade arrives, and only then does the stop rest again.
"""

from __future__ import annotations

from typing import Final

from supreme_system_v5.adapters.feeds.binance_api import BinanceApi
from supreme_system_v5.adapters.storage.recording.layout import ACT_EXIT_ORDER, ACT_FORGET
from supreme_system_v5.core.domain.effects import Effect, OrderRecord
from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.events import Event, ExecutionReport, Trade
from supreme_system_v5.core.domain.market import NS_PER_MS, NS_PER_SECOND
from supreme_system_v5.core.domain.order import ROLE_EXIT
from supreme_system_v5.core.engine.recovery import exit_order
from supreme_system_v5.core.matching.downtime import (
    DownPosition,
    DownTerms,
    FundingRate,
    settle_from_bars,
    settle_from_trades,
)
from supreme_system_v5.trading import Trading

TRADES_SPAN_MS: Final = 10 * 60_000  # a shorter downtime is settled trade by trade
TRADES_MAX: Final = 50_000
MINUTE_MS: Final = 60_000


class Settlement:
    """What the downtime did: records to store first, then events for the engine; and a sentence for people."""

    def __init__(self) -> None:
        self.records: list[Effect] = []
        self.events: list[Event] = []
        self.note = ""


class Downtime:
    """Settles the engine's open position from ``last_ns`` (the last journalled engine time) on."""

    def __init__(self, trading: Trading, api: BinanceApi, last_ns: int, slippage_bps: float) -> None:
        self.engine = trading.engine
        self._on_act = trading.on_act
        self._api = api
        self._from_ns = last_ns  # looked at up to here
        self._last_id = 0  # the last trade looked at; 0 = not known
        self._slippage_bps = round(slippage_bps)
        self._funding: list[FundingRate] = []
        self.is_settled = False  # the data was there, and the position outlived it

    async def settle(self, now_ns: int) -> Settlement:
        """Look at everything up to ``now_ns``.

        Without the data the position is simply protected again: it exits at the first trade beyond its stop, or at
        once when it is overdue.
        """
        settlement = Settlement()
        if self.engine.state.position is None:
            return settlement
        seconds = (now_ns - self._from_ns) // NS_PER_SECOND
        if seconds < 0:
            settlement.note = "the market's clock is behind the journal: the open position is protected from now on"
            return settlement
        down = self._down_position()
        try:
            self._funding = await self._funding_rates(now_ns)
            settlement.events = await self._look(down, now_ns)
        except (VenueError, FrameError) as error:
            settlement.note = (
                f"the market of the downtime cannot be had ({error}); the position is protected from now on"
            )
            self._forget(down)
            return settlement
        is_closed = self._finish(down, settlement, now_ns)
        self.is_settled = not is_closed
        said = "it was closed meanwhile" if is_closed else "it is still open"
        settlement.note = f"was down for {seconds} s with an open position: {said}"
        return settlement

    async def close_gap(self, first: Trade, now_ns: int) -> Settlement:
        """Look at the trades between the settled ones and ``first``, the first one of the stream.

        An exit that is already on its way is left to finish.
        """
        settlement = Settlement()
        engine = self.engine
        if engine.state.position is None or engine.desk.working(ROLE_EXIT) is not None:
            return settlement
        down = self._down_position()
        try:
            trades = await self._missing(first, now_ns)
        except (VenueError, FrameError) as error:
            settlement.note = f"the trades of the start cannot be had ({error}); the position is protected from now on"
            self._forget(down)
            return settlement
        settlement.events = settle_from_trades(down, trades, self._funding, self._terms())
        if self._finish(down, settlement, now_ns):
            settlement.note = "the position was closed by a trade of the start"
        return settlement

    async def _missing(self, first: Trade, now_ns: int) -> list[Trade]:
        first_id = int(first.trade_id)
        if self._last_id > 0:
            count = first_id - self._last_id - 1
            trades: list[Trade] = []
            if count > 0:
                trades, _ = await self._api.trades(self._last_id + 1, min(count, TRADES_MAX), now_ns)
        else:
            from_ms = self._from_ns // NS_PER_MS
            trades = await self._api.trades_between(from_ms, int(first.trade_time_ms) + 1, TRADES_MAX, now_ns)
        return [trade for trade in trades if trade.trade_id < first_id]

    # -- inside ---------------------------------------------------------------------------------------------------

    def _down_position(self) -> DownPosition:
        """The position, with an order of ours that a timeout would fill."""
        state = self.engine.state
        position = state.position
        assert position is not None
        self._on_act(ACT_EXIT_ORDER)
        order = exit_order(self.engine, "timeout")
        return DownPosition(
            position.side,
            state.instrument.quantity_down(abs(state.ledger.position_e8)),
            position.opened_ns,
            position.stop_order_id,
            position.stop_trigger_e8,
            position.target_order_id,
            position.target_trigger_e8,
            position.timeout_ns,
            order.client_order_id,
        )

    def _terms(self) -> DownTerms:
        state = self.engine.state
        return DownTerms(state.instrument, self._from_ns, state.parameters.taker_fee_e8, self._slippage_bps)

    async def _funding_rates(self, now_ns: int) -> list[FundingRate]:
        if self.engine.instrument.is_spot:
            return []
        rates = await self._api.funding_rates(self._from_ns // NS_PER_MS, now_ns // NS_PER_MS)
        return [FundingRate(time_ms, rate_e8, mark_e8) for time_ms, rate_e8, mark_e8 in rates]

    async def _look(self, down: DownPosition, now_ns: int) -> list[Event]:
        """Short: trade by trade. Long: minute klines, then the trades of the minute that is still open."""
        from_ms = self._from_ns // NS_PER_MS
        to_ms = now_ns // NS_PER_MS + 1
        if to_ms - from_ms <= TRADES_SPAN_MS:
            trades = await self._api.trades_between(from_ms, to_ms, TRADES_MAX, now_ns)
            if len(trades) < TRADES_MAX:
                return self._look_at(down, trades)
        bars, _ = await self._api.bars(60, from_ms - from_ms % MINUTE_MS, to_ms, to_ms)
        events = settle_from_bars(down, bars, 60, self._funding, self._terms())
        if _is_closing(events):
            return events
        if bars:
            self._from_ns = max(self._from_ns, (int(bars[-1].open_ms) + MINUTE_MS) * NS_PER_MS)
        trades = await self._api.trades_between(self._from_ns // NS_PER_MS, to_ms, TRADES_MAX, now_ns)
        return events + self._look_at(down, trades)

    def _look_at(self, down: DownPosition, trades: list[Trade]) -> list[Event]:
        events = settle_from_trades(down, trades, self._funding, self._terms())
        if trades:
            self._last_id = int(trades[-1].trade_id)
            self._from_ns = max(self._from_ns, int(trades[-1].trade_time_ms) * NS_PER_MS)
        return events

    def _finish(self, down: DownPosition, settlement: Settlement, now_ns: int) -> bool:
        """Keep the timeout's order only when it was filled. True when the position was closed."""
        order = self.engine.state.orders[down.exit_order_id]
        if any(
            isinstance(event, ExecutionReport) and event.client_order_id == down.exit_order_id
            for event in settlement.events
        ):
            settlement.records = [OrderRecord(order, now_ns)]
        else:
            self._forget(down)
        return _is_closing(settlement.events)

    def _forget(self, down: DownPosition) -> None:
        self._on_act(ACT_FORGET, down.exit_order_id)
        self.engine.state.orders.pop(down.exit_order_id, None)


def _is_closing(events: list[Event]) -> bool:
    return any(isinstance(event, ExecutionReport) for event in events)
