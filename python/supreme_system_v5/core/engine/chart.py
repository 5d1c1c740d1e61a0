"""Trades to bars to indicators to signals: what is committed, what is previewed, and what must wait for a kline."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.effects import RequestBars, RequestTrades
from supreme_system_v5.core.domain.events import BARS_COMMIT, BARS_WARMUP, Bars, ClosedBar, Trade, Trades
from supreme_system_v5.core.domain.market import NS_PER_MS, NS_PER_SECOND, Bar
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
AHEAD_MS_MAX: Final = 5_000  # how far a fetched trade's time may lie ahead of ours
KLINE_TRIES_MAX: Final = 60  # once a second; a kline that is not there by then is not coming


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
        self.committed: i64 = 0
        self.last_bar: Bar | None = None  # the last committed one
        self.provisional = 0
        self.pending: list[Bar] = []  # closed, waiting (the first of them for its kline)
        self.is_awaiting_bars = False
        self.is_awaiting_trades = False
        self.held: list[Trade] = []
        self.last_close_ms: i64 = 0  # end of the last committed bar
        self.is_history_due = True  # the bars before the forming one are unknown, or known to be wrong
        self.is_stream_down = False  # of trades
        self._is_reconnected = False  # no trade has come since the stream came back
        self._stale_ns: i64 = int(p.stale_after_seconds * NS_PER_SECOND)
        self._last_trade_ms: i64 = 0  # exchange time of the last folded trade
        self._own_close_ms: i64 = 0  # end of the last bar committed from our own trades
        self._asked_to_ms = 0  # RequestBars was for bars that open before this
        self._tries = 0  # of the request for what waits now
        self._has_bars_only = False
        self._sees_trades = strategy.sees_trades
        self._digest_bars: i64 = p.digest_bars
        self._closed_bar = Bar(0, 1, 1, 1, 1, 0, 0)  # a closed bar of history: one object for all of them

    # -- trades ---------------------------------------------------------------------------------------------------

    def on_trade(self, trade: Trade) -> Signal | None:
        """Fold a live trade; analyse if the gate lets it pass."""
        state = self.state
        bars = self.bars
        if self.is_awaiting_trades:
            self._hold(trade)
            return None
        last_id = bars.last_trade_id
        if last_id > 0 and trade.trade_id > last_id + 1:
            if self._on_missing(trade, int(trade.trade_id - last_id - 1)):
                self._hold(trade)
                return None
        self._is_reconnected = self.is_stream_down = False
        self._last_trade_ms = trade.trade_time_ms
        closed = bars.on_trade(trade)
        signal = self._on_closed() if closed > 0 else None
        if closed > 0 or state.schedule.bar.due_ns == NEVER_NS:
            self.arm_bar_timer()
        is_asked = self._sees_trades and self.strategy.on_trade(trade.price, trade.quantity, trade.is_buyer_maker)
        if self.gate.on_trade(trade.time_ns, trade.price, trade.quantity) != SKIP:
            state.passed = True
            state.schedule.set(TIMER_GATE, self.gate.due_ns)
        elif not is_asked:
            return signal
        later = self._analyze()
        return signal if signal is not None else later

    def is_renumbered(self, trade: Trade) -> bool:
        """Is this low trade id a new numbering, not a duplicate? True for a newer trade right after a reconnect: the
        venue (a restarted exchange, a reset testnet) counts anew, and so do we from here on.
        """
        if not self._is_reconnected or trade.trade_time_ms <= self._last_trade_ms:
            return False
        if self.is_awaiting_trades:
            self._release_held()
        self._is_reconnected = False
        self.bars.last_trade_id = -1
        self.bars.mark_provisional_until(trade.trade_time_ms)
        return True

    def _on_missing(self, trade: Trade, count: int) -> bool:
        """Trades were missed (the venue numbers them without holes): every bar they may lie in is provisional.

        True when they are being fetched, and what comes meanwhile must wait.
        """
        self.bars.mark_provisional_until(trade.trade_time_ms)
        for bar in self.pending:
            if bar.open_ms + self.bar_ms > self._last_trade_ms:
                bar.is_provisional = True
        if self._last_trade_ms < self._own_close_ms:
            # They may lie in a bar that was committed without them: take the history anew.
            self.is_history_due = True
            self._request_bars()
        if count > FETCH_TRADES_MAX:
            return False
        self.is_awaiting_trades = True
        self.state.emit(RequestTrades(int(self.state.now_ns), int(self.bars.last_trade_id) + 1, count))
        return True

    def _hold(self, trade: Trade) -> None:
        self._is_reconnected = False
        if len(self.held) >= HELD_TRADES_MAX:
            # Too many to keep: give the fetch up and go on from here; the klines repair the bars.
            self._release_held()
        self.held.append(trade.copy())
        if not self.is_awaiting_trades:
            self._release_held()

    def on_trades(self, event: Trades) -> Signal | None:
        """The missing trades arrived (or could not be had): fold them and what was held meanwhile."""
        if not self.is_awaiting_trades:
            return None
        first_held = self.held[0].trade_id if self.held else NEVER_NS
        # A time that lies ahead of ours would close bars that have not begun.
        latest_ms = (self.state.now_ns + self.state.venue_offset_ns) // NS_PER_MS + AHEAD_MS_MAX
        earlier = [t for t in event.trades if t.trade_id < first_held and t.trade_time_ms <= latest_ms]
        signal = self._fold(earlier, None)
        later = self._release_held()
        return later if later is not None else signal

    def _release_held(self) -> Signal | None:
        self.is_awaiting_trades = False
        held = self.held
        self.held = []
        return self._fold(held, None)

    def _fold(self, trades: list[Trade], signal: Signal | None) -> Signal | None:
        """Fold trades that waited; the gate does not see them, their moment is over."""
        for trade in trades:
            if trade.trade_id > self.bars.last_trade_id + 1:
                self.bars.mark_provisional_until(trade.trade_time_ms)  # some could not be had, or were lost meanwhile
            self._last_trade_ms = max(self._last_trade_ms, trade.trade_time_ms)
            if self.bars.on_trade(trade) > 0:
                later = self._on_closed()
                signal = later if later is not None else signal
        self.arm_bar_timer()
        return signal

    # -- the stream -----------------------------------------------------------------------------------------------

    def on_stream(self, is_up: bool) -> None:
        """The trade stream was lost or came back: the forming bar was touched by it."""
        self.is_stream_down = not is_up
        self._is_reconnected = True
        self.bars.mark_provisional()

    # -- time -----------------------------------------------------------------------------------------------------

    def arm_bar_timer(self) -> None:
        """The forming bar's end + 2 s, from the exchange's time to ours."""
        due_ns = self.bars.due_ns
        if due_ns == NEVER_NS:
            self.state.schedule.clear(TIMER_BAR)
        else:
            self.state.schedule.set(TIMER_BAR, int(due_ns - self.state.venue_offset_ns))

    def on_bar_timer(self) -> Signal | None:
        """The forming bar ended two seconds ago: it closes, trade or no trade.

        With the trades silent we cannot know whether there were none, so its kline is asked.
        """
        state = self.state
        if self.is_awaiting_trades:
            # Its last trades may be among those being fetched; the kline will decide anyway.
            state.schedule.set(TIMER_BAR, int(state.now_ns) + NS_PER_SECOND)
            return None
        signal: Signal | None = None
        if self.is_stream_down or state.now_ns - state.view.trade_ns > self._stale_ns:
            self.bars.mark_provisional()
        if self.bars.on_timer(state.now_ns + state.venue_offset_ns) > 0:
            signal = self._on_closed()
        if self.is_stream_down:
            self.bars.mark_provisional()
        self.arm_bar_timer()
        return signal

    def on_gate_timer(self) -> Signal | None:
        """The scalping interval has passed without a trade that did: look again."""
        reason = self.gate.on_interval(self.state.now_ns)
        self.arm_gate_timer()
        return None if reason == SKIP else self._analyze()

    def arm_gate_timer(self) -> None:
        if self.gate.due_ns > 0 and not self._has_bars_only:
            self.state.schedule.set(TIMER_GATE, self.gate.due_ns)

    def set_interval_multiplier(self, multiplier: int) -> None:
        """The CPU ladder stretches the running interval too."""
        self.gate.set_interval_multiplier(multiplier)
        self.arm_gate_timer()

    def on_kline_retry(self) -> None:
        if (self.pending or self.is_history_due) and not self.is_awaiting_bars:
            self._request_bars()

    # -- bars -----------------------------------------------------------------------------------------------------

    def on_bars(self, event: Bars) -> Signal | None:
        """Klines arrived: the warm-up, or the truth about bars we saw only in part."""
        bars = [bar for bar in event.bars if bar.open_ms % self.bar_ms == 0]
        if event.purpose == BARS_WARMUP:
            self._warm_up(bars)
            return None
        if event.purpose != BARS_COMMIT or not self.is_awaiting_bars:
            return None
        self.is_awaiting_bars = False
        klines: dict[int, Bar] = {}
        for bar in bars:
            bar.is_backfilled = True
            klines[int(bar.open_ms)] = bar
        return self._commit_pending(klines, event.is_failed)

    def on_closed_bar(self, event: ClosedBar) -> Signal | None:
        """A bar of history, where bars are all there is: committed as it is. A hole in the data stays a hole."""
        if not self._has_bars_only:
            self._has_bars_only, self.is_history_due = True, False
            self.state.schedule.clear(TIMER_BAR)  # armed by a warm-up, for a bar that does not form
        return self._commit(event.copied_to(self._closed_bar))

    def _warm_up(self, bars: list[Bar]) -> None:
        for bar in bars:
            if bar.open_ms >= self.last_close_ms:
                bar.is_backfilled = True
                self._commit(bar)
        if bars:
            self.is_history_due = False
            if self.bars.current is None:
                self.bars.seed(bars[-1].close_e8, bars[-1].open_ms + self.bar_ms)
                self.arm_bar_timer()

    def _on_closed(self) -> Signal | None:
        """Bars closed. In order: a provisional one waits for its kline, and so does what comes after it."""
        signal: Signal | None = None
        for bar in self.bars.closed:
            if bar.is_provisional:
                self.provisional += 1
            if bar.is_provisional or self.is_blocked_by_bars():
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
        """Ask for the klines of all that waits, and of the hole before it."""
        current = self.bars.current
        if self.is_awaiting_bars or (current is None and not self.pending):
            return
        if self.pending:
            from_ms = int(self.pending[0].open_ms)
            to_ms = int(self.pending[-1].open_ms) + self.bar_ms
        else:
            assert current is not None
            from_ms = to_ms = int(current.open_ms)
        oldest_ms = from_ms - WARM_BARS * self.bar_ms
        if self.is_history_due:
            from_ms = oldest_ms
        elif self.last_close_ms > 0 and self.last_close_ms < from_ms:
            from_ms = max(int(self.last_close_ms), oldest_ms)
        self.is_awaiting_bars = True
        self._asked_to_ms = to_ms
        self.state.emit(RequestBars(int(self.state.now_ns), from_ms, to_ms, BARS_COMMIT))

    def _commit_pending(self, klines: dict[int, Bar], is_failed: bool) -> Signal | None:
        """Commit what waits, each provisional bar by its kline; ask again while one is not there yet."""
        signal: Signal | None = None
        self._tries += 1
        is_given_up = is_failed or self._tries >= KLINE_TRIES_MAX
        if self.is_history_due and not self._take_history(klines, is_given_up):
            return None
        while self.pending:
            bar = self.pending[0]
            self._fill_hole(klines, int(self.last_close_ms), int(bar.open_ms))
            if bar.is_provisional:
                kline = klines.get(int(bar.open_ms))
                if kline is None and not (is_given_up and bar.open_ms < self._asked_to_ms):
                    self._retry()
                    return signal
                if kline is not None:
                    bar = kline
                bar.is_backfilled = True
            self.pending.pop(0)
            later = self._commit(bar)
            signal = later if later is not None and not self.pending else None
        self._tries = 0
        return signal

    def _retry(self) -> None:
        self.state.schedule.set(TIMER_KLINE_RETRY, int(self.state.now_ns) + NS_PER_SECOND)

    def _take_history(self, klines: dict[int, Bar], is_given_up: bool) -> bool:
        """Begin the indicators anew with the klines before what waits; False = not all there yet, asked again."""
        last_ms = int(self.last_close_ms) - self.bar_ms
        is_whole = len(klines) > 0 and (self.committed == 0 or last_ms in klines)
        if not is_whole and not is_given_up:
            self._retry()
            return False
        self.is_history_due = False
        if not is_whole:
            return True
        if self.committed > 0:
            self.analyzer = OptimizedTechnicalAnalyzer(buffer_size=self.state.parameters.buffer_size)
            self._fill_hole(klines, 0, int(self.last_close_ms))
        return True

    def _fill_hole(self, klines: dict[int, Bar], from_ms: int, before_ms: int) -> None:
        for open_ms in sorted(klines):
            if from_ms <= open_ms < before_ms:
                self._commit(klines[open_ms])

    def _commit(self, bar: Bar) -> Signal | None:
        """One closed bar into the indicators; a live one passes the gate and may signal."""
        state = self.state
        self.last_close_ms = bar.open_ms + self.bar_ms
        self.committed += 1
        self.last_bar = bar
        self.snapshot = snapshot = self.analyzer.commit(
            float(bar.open_e8) / 1e8,
            float(bar.high_e8) / 1e8,
            float(bar.low_e8) / 1e8,
            float(bar.close_e8) / 1e8,
            float(bar.volume_e8) / 1e8,
        )
        is_live = not bar.is_backfilled and not bar.is_provisional
        self.strategy.on_bar(snapshot, is_live)
        if self.committed % self._digest_bars == 0:
            state.digest.add_state(bar, self.analyzer, self.gate, self.strategy, state.ledger)
        if not is_live:
            self._stand_at(bar)
            return None
        self._own_close_ms = self.last_close_ms
        self.gate.on_bar_close(state.now_ns, snapshot.price)
        self.arm_gate_timer()
        if not snapshot.is_warm or self.is_blocked_by_bars():
            return None
        return self.strategy.evaluate(snapshot, state.now_ns, self._cooldown_ns())

    def _stand_at(self, bar: Bar) -> None:
        """A forming bar without a trade stands at the close before it: at the kline's, where that replaced ours."""
        current = self.bars.current
        if current is not None and current.trades == 0 and current.open_ms == self.last_close_ms:
            current.open_e8 = current.high_e8 = current.low_e8 = current.close_e8 = bar.close_e8

    # -- analysis -------------------------------------------------------------------------------------------------

    def _analyze(self) -> Signal | None:
        """Preview the forming bar and ask the strategy."""
        bar = self.bars.current
        if bar is None:
            return None
        snapshot = self.analyzer.preview(
            float(bar.high_e8) / 1e8, float(bar.low_e8) / 1e8, float(bar.close_e8) / 1e8, float(bar.volume_e8) / 1e8
        )
        self.snapshot = snapshot
        if not snapshot.is_warm or bar.is_provisional or self.is_blocked_by_bars():
            return None
        return self.strategy.evaluate(snapshot, self.state.now_ns, self._cooldown_ns())

    def is_blocked_by_bars(self) -> bool:
        """True while the indicators are behind the market: a bar waits for its kline, or the history is wrong."""
        return len(self.pending) > 0 or (self.is_history_due and self.committed > 0)

    def _cooldown_ns(self) -> i64:
        return self.gate.interval_ns

    def analyzer_is_warm(self) -> bool:
        return self.snapshot is not None and self.snapshot.is_warm
