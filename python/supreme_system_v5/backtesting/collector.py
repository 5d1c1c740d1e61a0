"""Effects to a result: round trips with their costs split, signals, refusals, equity, candles.

Whoever drives the engine (bars, trades, frames) gives every effect to `Collector.see`, in order, before performing it.
"""

from __future__ import annotations

from supreme_system_v5.backtesting import sampling
from supreme_system_v5.backtesting.results import BacktestResult, Candle, EquityPoint, RoundTrip
from supreme_system_v5.backtesting.sampling import Sampler
from supreme_system_v5.core.domain.effects import Effect, FillRecord, SubmitOrder, TradeRecord
from supreme_system_v5.core.domain.money import multiply_e8
from supreme_system_v5.core.domain.order import BUY, ROLE_ENTRY
from supreme_system_v5.core.engine.engine import Engine

WAITING_MAX = 1_000  # orders remembered for their reference price


class Collector:
    """Reads effects and the engine; changes nothing.

    Of each fill the spread's cost is half the quote's width then, for takers, and the slippage what the fill was worse
    than the best price when the order was decided (than the trigger, for stop and target).
    """

    def __init__(self, engine: Engine, sampler: Sampler) -> None:
        self.engine = engine
        self.sampler = sampler
        self.trades: list[RoundTrip] = []
        self.first_mark_e8 = 0
        self._decided_e8: dict[str, int] = {}  # order id -> best price when it was decided
        self._entry_reason = ""
        self._spread_e8 = 0
        self._slippage_e8 = 0

    def see(self, effects: list[Effect]) -> None:
        """Take note of what the engine wants done."""
        for effect in effects:
            if isinstance(effect, FillRecord):
                self._on_fill(effect)
            elif isinstance(effect, TradeRecord):
                self._on_closed(effect)
            elif isinstance(effect, SubmitOrder):
                self._on_submit(effect)

    def _on_submit(self, effect: SubmitOrder) -> None:
        order = effect.order
        view = self.engine.view
        if len(self._decided_e8) >= WAITING_MAX:
            self._decided_e8.clear()
        self._decided_e8[order.client_order_id] = int(view.ask_e8 if order.side == BUY else view.bid_e8)
        if order.role == ROLE_ENTRY:
            self._entry_reason = order.reason

    def _on_fill(self, effect: FillRecord) -> None:
        report, order = effect.report, effect.order
        view = self.engine.view
        quantity_e8, price_e8 = int(report.last_quantity_e8), int(report.last_price_e8)
        if not report.is_maker and view.ask_e8 > view.bid_e8 > 0:
            self._spread_e8 += multiply_e8(quantity_e8, int(view.ask_e8 - view.bid_e8)) // 2
        decided_e8 = order.trigger_e8 or self._decided_e8.get(order.client_order_id, 0)
        if decided_e8 > 0:
            self._slippage_e8 += multiply_e8(quantity_e8, (price_e8 - decided_e8) * order.side)
        if order.state not in ("PARTIALLY_FILLED", "OPEN"):
            self._decided_e8.pop(order.client_order_id, None)

    def _on_closed(self, closed: TradeRecord) -> None:
        self.trades.append(
            RoundTrip(
                number=len(self.trades) + 1,
                side=closed.side,
                opened_ns=closed.opened_ns,
                closed_ns=closed.closed_ns,
                quantity_e8=closed.quantity_e8,
                entry_price_e8=closed.entry_price_e8,
                exit_price_e8=closed.exit_price_e8,
                gross_e8=closed.gross_e8,
                fees_e8=closed.fees_e8,
                funding_e8=closed.funding_e8,
                net_e8=closed.net_e8,
                exit_reason=closed.exit_reason,
                spread_e8=self._spread_e8,
                slippage_e8=self._slippage_e8,
                entry_reason=self._entry_reason,
            )
        )
        self._spread_e8 = 0
        self._slippage_e8 = 0

    def result(self, granularity: str, from_ns: int) -> BacktestResult:
        """Everything the engine and the effects tell; sources, settings and model are the caller's to add."""
        self.sampler.finish()
        engine = self.engine
        state, parameters = engine.state, engine.parameters
        ledger = state.ledger
        sampler = self.sampler
        return BacktestResult(
            granularity=granularity,
            market=parameters.market,
            symbol=parameters.symbol,
            strategy=parameters.strategy,
            core="pure" if str(sampling.__file__).endswith(".py") else "compiled",
            from_ns=from_ns,
            to_ns=int(state.now_ns),
            initial_e8=parameters.initial_balance_e8,
            final_equity_e8=state.equity_e8(),
            digest=state.fingerprint(),
            bar_seconds=parameters.bar_seconds,
            trades=self.trades,
            equity=[
                EquityPoint(int(p.time_ns), int(p.equity_e8), int(p.mark_e8), int(p.position_e8))
                for p in sampler.points
            ],
            candles=[
                Candle(int(c.open_ms), int(c.open_e8), int(c.high_e8), int(c.low_e8), int(c.close_e8), int(c.volume_e8))
                for c in sampler.candles
            ],
            candle_seconds=int(sampler.candle_ms) // 1000,
            events=int(state.events),
            signals=state.signals_long + state.signals_short,
            refusals=dict(state.refusals),
            skip_ratio=engine.chart.gate.skip_ratio(),
            fees_e8=ledger.fees_e8,
            funding_e8=ledger.funding_e8,
            is_funding_known=parameters.market == "spot" or not engine.funding.is_unknown(),
            open_position_e8=ledger.position_e8,
            open_entry_e8=ledger.entry_price_e8(),
            first_mark_e8=self.first_mark_e8,
            last_mark_e8=state.mark_e8(),
        )
