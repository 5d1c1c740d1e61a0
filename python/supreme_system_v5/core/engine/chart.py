"""Trades to bars to indicators to signals: what is committed, what is previewed, and what must wait for a kline."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.effects import RequestBars, RequestTrades
from supreme_system_v5.core.domain.events import BARS_COMMIT, BARS_WARMUP, Bars, Trade, Trades
from supreme_system_v5.core.domain.market import NS_PER_SECOND, Bar
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.engine.schedule import TIMER_BAR, TIMER_GATE, TIMER_KLINE_RETRY
from supreme_system_v5.core.engine.state import EngineState
from supreme_system_v5.core.market.bars import BarBuilder
from supreme_system_v5.core.strategies.base import Signal, Strategy
from supreme_system_v5.optimized.analyzer import OptimizedTechnicalAnalyzer, Snapshot
from supreme_system_v5.optimized.smart_events import SKIP, SmartEventProcessor

PENDING_BARS_MAX: Final = 1_500  # closed bars that may wait for a kline (a day and more of 1-minute bars)
HELD_TRADES_MAX: Final = 20_000  # live trades kept back while the missing ones are fetched
WARM_BARS: Final = 500
FETCH_TRADES_MAX: Final = 10_000  # a larger gap is left to the kline


class Chart:
    """Bars, analyzer, gate and strategy of one symbol."""

    def __init__(self, state: EngineState, strategy: Strategy) -> None:
        p = state.parameters
        self.state = state
        self.strategy = strategy
        self.bars = BarBuilder(p.bar_seconds)
        self.bar_ms = p.bar_seconds * 1000
        self.analyzer = OptimizedTechnicalAnalyzer(buffer_size=p.buffer_size)
        self.gate = SmartEventProcessor(
            p.min_price_change_pct,
            p.volume_threshold,
            p.scalping_interval_min_seconds,
            p.scalping_interval_max_seconds,
            p.seed,
            p.gate_target_skip,
        )
        self.snapshot: Snapshot | None = None
        self.committed = 0
        self.provisional = 0
        self.pending: list[Bar] = []  # closed, waiting (the first of them for its kline)
        self.is_awaiting_bars = False
        self.is_awaiting_trades = False
        self.held: list[Trade] = []
        self.last_close_ms: i64 = 0  # end of the last committed bar

    # -- trades ---------------------------------------------------------------------------------------------------

    def on_trade(self, trade: Trade) -> Signal | None:
        """Fold a live trade; analyse if the gate lets it pass."""
        state = self.state
        last_id = self.bars.last_trade_id
        if self.is_awaiting_trades:
            self._hold(trade)
            return None
        if last_id > 0 and trade.trade_id > last_id + 1:
            if self._on_missing(int(last_id) + 1, int(trade.trade_id - last_id - 1)):
                self._hold(trade)
                return None
        signal: Signal | None = None
        closed = self.bars.on_trade(trade)
        if closed > 0:
            signal = self._on_closed()
        if closed > 0 or state.schedule.due_ns(TIMER_BAR) == NEVER_NS:
            state.schedule.set(TIMER_BAR, int(self.bars.due_ns))
        reason = self.gate.on_trade(trade.time_ns, trade.price, trade.quantity)
        if reason == SKIP:
            return signal
        state.passed = True
        state.schedule.set(TIMER_GATE, int(self.gate.due_ns))
        later = self._analyze()
        return signal if signal is not None else later

    def _on_missing(self, from_id: int, count: int) -> bool:
        """Trades were missed (the venue numbers them without holes): the bar is provisional until its kline.

        True when they are being fetched, and what comes meanwhile must wait.
        """
        self.bars.mark_provisional()
        if count > FETCH_TRADES_MAX:
            return False
        self.is_awaiting_trades = True
        self.state.emit(RequestTrades(int(self.state.now_ns), from_id, count))
        return True

    def _hold(self, trade: Trade) -> None:
        if len(self.held) < HELD_TRADES_MAX:
            self.held.append(trade)
        else:
            # Too many to keep: give the fetch up and go on from here; the klines repair the bars.
            self._release_held()

    def on_trades(self, event: Trades) -> Signal | None:
        """The missing trades arrived (or could not be had): fold them and what was held meanwhile."""
        if not self.is_awaiting_trades:
            return None
        signal: Signal | None = None
        first_held = self.held[0].trade_id if self.held else NEVER_NS
        for trade in event.trades:
            if trade.trade_id < first_held and self.bars.on_trade(trade) > 0:
                signal = self._on_closed()
        later = self._release_held()
        return later if later is not None else signal

    def _release_held(self) -> Signal | None:
        self.is_awaiting_trades = False
        held = self.held
        self.held = []
        signal: Signal | None = None
        for trade in held:
            if self.bars.on_trade(trade) > 0:
                signal = self._on_closed()
        self.state.schedule.set(TIMER_BAR, int(self.bars.due_ns))
        return signal

    # -- time -----------------------------------------------------------------------------------------------------

    def on_bar_timer(self) -> Signal | None:
        """The forming bar ended two seconds ago: it closes, trade or no trade."""
        signal: Signal | None = None
        if self.is_awaiting_trades:
            # Its last trades may be among those being fetched; the kline will decide anyway.
            self.state.schedule.set(TIMER_BAR, int(self.state.now_ns) + NS_PER_SECOND)
            return None
        if self.bars.on_timer(self.state.now_ns) > 0:
            signal = self._on_closed()
        self.state.schedule.set(TIMER_BAR, int(self.bars.due_ns))
        return signal

    def on_gate_timer(self) -> Signal | None:
        """The scalping interval has passed without a trade that did: look again."""
        self.gate.on_interval(self.state.now_ns)
        self.state.schedule.set(TIMER_GATE, int(self.gate.due_ns))
        return self._analyze()

    def on_kline_retry(self) -> None:
        if self.pending and not self.is_awaiting_bars:
            self._request_bars()

    # -- bars -----------------------------------------------------------------------------------------------------

    def on_bars(self, event: Bars) -> Signal | None:
        """Klines arrived: the warm-up, or the truth about bars we saw only in part."""
        if event.purpose == BARS_WARMUP:
            self._warm_up(event.bars)
            return None
        if event.purpose != BARS_COMMIT or not self.is_awaiting_bars:
            return None
        self.is_awaiting_bars = False
        klines: dict[int, Bar] = {}
        for bar in event.bars:
            klines[int(bar.open_ms)] = bar
        return self._commit_pending(klines, event.is_failed)

    def _warm_up(self, bars: list[Bar]) -> None:
        for bar in bars:
            if bar.open_ms >= self.last_close_ms:
                bar.is_backfilled = True
                self._commit(bar)
        if bars:
            last = bars[-1]
            self.bars.seed(last.close_e8, last.open_ms + self.bar_ms)

    def mark_provisional(self) -> None:
        self.bars.mark_provisional()

    def _on_closed(self) -> Signal | None:
        """Bars closed. In order: a provisional one waits for its kline, and so does what comes after it."""
        signal: Signal | None = None
        for bar in self.bars.closed:
            if bar.is_provisional:
                self.provisional += 1
            if bar.is_provisional or self.pending:
                self.pending.append(bar)
                if len(self.pending) > PENDING_BARS_MAX:
                    self._commit(self.pending.pop(0))
            else:
                later = self._commit(bar)
                signal = later if later is not None else signal
        if self.pending and not self.is_awaiting_bars:
            self._request_bars()
        return signal

    def _request_bars(self) -> None:
        from_ms = int(self.pending[0].open_ms)
        # A hole between the last committed bar and the first waiting one belongs to the request.
        if self.last_close_ms > 0 and self.last_close_ms < from_ms:
            from_ms = int(self.last_close_ms)
        elif self.committed == 0:
            # Started without the venue (on the fallback): its klines warm the indicators now.
            from_ms -= WARM_BARS * self.bar_ms
        to_ms = int(self.pending[-1].open_ms) + self.bar_ms
        self.is_awaiting_bars = True
        self.state.emit(RequestBars(int(self.state.now_ns), from_ms, to_ms, BARS_COMMIT))

    def _commit_pending(self, klines: dict[int, Bar], is_failed: bool) -> Signal | None:
        """Commit what waits, each provisional bar by its kline; ask again while one is not there yet."""
        signal: Signal | None = None
        while self.pending:
            bar = self.pending[0]
            self._fill_hole(klines, int(bar.open_ms))
            if bar.is_provisional:
                kline = klines.get(int(bar.open_ms))
                if kline is None and not is_failed:
                    self.state.schedule.set(TIMER_KLINE_RETRY, int(self.state.now_ns) + NS_PER_SECOND)
                    return signal
                if kline is not None:
                    bar = kline
                bar.is_backfilled = True
            self.pending.pop(0)
            later = self._commit(bar)
            signal = later if later is not None and not self.pending else None
        return signal

    def _fill_hole(self, klines: dict[int, Bar], before_ms: int) -> None:
        open_ms = int(self.last_close_ms)
        if self.committed == 0:
            open_ms = min(klines, default=before_ms)
        while open_ms > 0 and open_ms < before_ms:
            kline = klines.get(open_ms)
            if kline is None:
                return
            kline.is_backfilled = True
            self._commit(kline)
            open_ms = int(self.last_close_ms)

    def _commit(self, bar: Bar) -> Signal | None:
        """One closed bar into the indicators; a live one passes the gate and may signal."""
        state = self.state
        self.last_close_ms = bar.open_ms + self.bar_ms
        self.committed += 1
        snapshot = self.analyzer.commit(
            int(bar.open_e8) / E8,
            int(bar.high_e8) / E8,
            int(bar.low_e8) / E8,
            int(bar.close_e8) / E8,
            int(bar.volume_e8) / E8,
        )
        self.snapshot = snapshot
        is_live = not bar.is_backfilled and not bar.is_provisional
        self.strategy.on_bar(snapshot, is_live)
        self._hash_bar(bar)
        if not is_live:
            return None
        self.gate.on_bar_close(state.now_ns, int(bar.close_e8) / E8)
        state.schedule.set(TIMER_GATE, int(self.gate.due_ns))
        if not snapshot.is_warm or self.is_blocked_by_bars():
            return None
        return self.strategy.evaluate(snapshot, state.now_ns, self._cooldown_ns())

    def _hash_bar(self, bar: Bar) -> None:
        digest = self.state.digest
        digest.add(
            f"bar {bar.open_ms} {bar.open_e8} {bar.high_e8} {bar.low_e8} {bar.close_e8} {bar.volume_e8}"
            f" {bar.is_provisional} {bar.is_backfilled}"
        )
        digest.add_floats("analyzer", self.analyzer.state())
        digest.add_floats("gate", self.gate.state())
        digest.add_floats("strategy", self.strategy.state())
        ledger = self.state.ledger.fields()
        digest.add("ledger " + " ".join([str(ledger[key]) for key in ledger]))

    # -- analysis -------------------------------------------------------------------------------------------------

    def _analyze(self) -> Signal | None:
        """Preview the forming bar and ask the strategy."""
        bar = self.bars.current
        if bar is None:
            return None
        snapshot = self.analyzer.preview(
            int(bar.high_e8) / E8, int(bar.low_e8) / E8, int(bar.close_e8) / E8, int(bar.volume_e8) / E8
        )
        self.snapshot = snapshot
        if not snapshot.is_warm or bar.is_provisional or self.is_blocked_by_bars():
            return None
        return self.strategy.evaluate(snapshot, self.state.now_ns, self._cooldown_ns())

    def is_blocked_by_bars(self) -> bool:
        """True while a bar waits for its kline: the indicators are behind the market."""
        return len(self.pending) > 0

    def _cooldown_ns(self) -> i64:
        return int(self.gate.interval_seconds * 1e9)

    def waiting_reason(self) -> str:
        """Why no signal can come at all ("" when one could)."""
        if not self.analyzer_is_warm():
            return f"warming up: {self.committed} bars known"
        if self.pending:
            return "waiting for the venue's kline of a bar that was seen only in part"
        bar = self.bars.current
        if bar is None:
            return "waiting for the first trade"
        if bar.is_provisional:
            return "the forming bar was seen only in part; trading starts with the next one"
        return ""

    def analyzer_is_warm(self) -> bool:
        return self.snapshot is not None and self.snapshot.is_warm
