"""A restart with an open position: what happened to it meanwhile, found out before any entry (SPEC 8)."""

from __future__ import annotations

from supreme_system_v5.adapters.feeds.binance_api import BinanceApi
from supreme_system_v5.core.domain.effects import Effect, OrderRecord
from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.events import Event
from supreme_system_v5.core.domain.market import NS_PER_MS
from supreme_system_v5.core.domain.order import Order
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.recovery import exit_order
from supreme_system_v5.core.matching.downtime import (
    DownPosition,
    DownTerms,
    FundingRate,
    settle_from_bars,
    settle_from_trades,
)

TRADES_SPAN_MS = 10 * 60_000  # a shorter downtime is settled trade by trade
TRADES_MAX = 50_000
MINUTE_MS = 60_000


class Settlement:
    """What the downtime did: records to store first, then events for the engine; and a sentence for people."""

    def __init__(self) -> None:
        self.records: list[Effect] = []
        self.events: list[Event] = []
        self.note = ""
        self.unused_order: Order | None = None


async def settle_downtime(
    engine: Engine, api: BinanceApi, last_ns: int, now_ns: int, slippage_bps: float
) -> Settlement:
    """Fetch the downtime's trades or klines and settle the open position with them.

    Without the data the position is simply protected again: it exits at the first trade beyond its stop, or at once
    when it is overdue.
    """
    settlement = Settlement()
    state = engine.state
    position = state.position
    if position is None:
        return settlement
    quantity_e8 = state.instrument.quantity_down(abs(state.ledger.position_e8))
    order = exit_order(engine, "timeout")
    settlement.unused_order = order
    down = DownPosition(
        position.side,
        quantity_e8,
        position.opened_ns,
        position.stop_order_id,
        position.stop_trigger_e8,
        position.target_order_id,
        position.target_trigger_e8,
        position.timeout_ns,
        order.client_order_id,
    )
    terms = DownTerms(state.instrument, last_ns, state.parameters.taker_fee_e8, round(slippage_bps))
    try:
        funding = await _funding(engine, api, last_ns, now_ns)
        events = await _settle(api, down, terms, last_ns, now_ns, funding)
    except (VenueError, FrameError) as error:
        settlement.note = f"the market of the downtime cannot be had ({error}); the position is protected again"
        _forget(engine, settlement)
        return settlement
    settlement.events = events
    if any(getattr(event, "client_order_id", "") == order.client_order_id for event in events):
        settlement.records = [OrderRecord(order, now_ns)]
        settlement.unused_order = None
    else:
        _forget(engine, settlement)
    seconds = (now_ns - last_ns) // 1_000_000_000
    settlement.note = f"was down for {seconds} s with an open position: " + (
        "it was closed meanwhile" if any(hasattr(event, "client_order_id") for event in events) else "still open"
    )
    return settlement


def _forget(engine: Engine, settlement: Settlement) -> None:
    if settlement.unused_order is not None:
        engine.state.orders.pop(settlement.unused_order.client_order_id, None)


async def _funding(engine: Engine, api: BinanceApi, last_ns: int, now_ns: int) -> list[FundingRate]:
    if engine.instrument.is_spot:
        return []
    rates = await api.funding_rates(last_ns // NS_PER_MS, now_ns // NS_PER_MS)
    return [FundingRate(time_ms, rate_e8, mark_e8) for time_ms, rate_e8, mark_e8 in rates]


async def _settle(
    api: BinanceApi, down: DownPosition, terms: DownTerms, last_ns: int, now_ns: int, funding: list[FundingRate]
) -> list[Event]:
    from_ms = last_ns // NS_PER_MS
    to_ms = now_ns // NS_PER_MS
    if to_ms - from_ms <= TRADES_SPAN_MS:
        trades = await api.trades_between(from_ms, to_ms, TRADES_MAX, now_ns)
        if trades and len(trades) < TRADES_MAX:
            return settle_from_trades(down, trades, funding, terms)
    bars, _ = await api.bars(60, from_ms - from_ms % MINUTE_MS, to_ms, to_ms)
    return settle_from_bars(down, bars, 60, funding, terms)
