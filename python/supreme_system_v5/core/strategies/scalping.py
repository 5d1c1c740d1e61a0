"""The default strategy: an oversold (overbought) market that has turned.

Long: price > EMA, RSI < 30 within the last ``confirm_bars`` committed bars or now, MACD histogram > 0. Short mirrors
it. Taken literally (``confirm_bars`` = 0: all at once) the rule never fired in 193,398 recorded 1-minute bars.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.strategies.base import Signal, Strategy
from supreme_system_v5.optimized.analyzer import Snapshot
from supreme_system_v5.optimized.circular_buffer import CircularBuffer

RSI_OVERSOLD: Final = 30.0
RSI_OVERBOUGHT: Final = 70.0
_LONG_AGO: Final = 1_000_000
_NO_LOW: Final = 1000.0  # beyond any RSI
_NO_HIGH: Final = -1000.0


class ScalpingStrategy(Strategy):
    """One signal per false-to-true of a side; re-armed by a committed bar where the side is false."""

    name = "scalping"

    def __init__(self, confirm_bars: int) -> None:
        if confirm_bars < 0 or confirm_bars > 1_000:
            raise ValueError(f"confirm_bars must be 0..1000, not {confirm_bars}")
        self.confirm_bars = confirm_bars
        self._window: Final = CircularBuffer(max(confirm_bars, 1))  # RSI of the last confirm_bars committed bars
        self._window_low: float = _NO_LOW  # of the window, noted once a bar: they are asked for at every look
        self._window_high: float = _NO_HIGH
        self._bars_since_low = _LONG_AGO
        self._bars_since_high = _LONG_AGO
        self._is_long_armed = True
        self._is_short_armed = True
        self._silent_until_ns: i64 = 0

    def on_bar(self, snapshot: Snapshot, is_live: bool) -> None:
        """Remember the bar's RSI; re-arm a side that is false, disarm one that became true where nobody could act."""
        if not snapshot.is_warm:
            return
        if self.confirm_bars > 0:
            self._remember(snapshot.rsi)
        self._bars_since_low = 0 if snapshot.rsi < RSI_OVERSOLD else min(self._bars_since_low + 1, _LONG_AGO)
        self._bars_since_high = 0 if snapshot.rsi > RSI_OVERBOUGHT else min(self._bars_since_high + 1, _LONG_AGO)
        is_long = self._is_long(snapshot)
        is_short = self._is_short(snapshot)
        if not is_long:
            self._is_long_armed = True
        elif not is_live:
            self._is_long_armed = False
        if not is_short:
            self._is_short_armed = True
        elif not is_live:
            self._is_short_armed = False

    def evaluate(self, snapshot: Snapshot, time_ns: i64, cooldown_ns: i64) -> Signal | None:
        if not snapshot.is_warm or time_ns < self._silent_until_ns:
            return None
        if self._is_long_armed and self._is_long(snapshot):
            self._is_long_armed = False
            self._silent_until_ns = time_ns + cooldown_ns
            return self._signal(snapshot, BUY)
        if self._is_short_armed and self._is_short(snapshot):
            self._is_short_armed = False
            self._silent_until_ns = time_ns + cooldown_ns
            return self._signal(snapshot, SELL)
        return None

    def unmet(self, snapshot: Snapshot) -> str:
        if not snapshot.is_warm:
            return f"warming up: {snapshot.bars} bars"
        low = self._lowest_rsi(snapshot)
        high = self._highest_rsi(snapshot)
        if not low < RSI_OVERSOLD and not high > RSI_OVERBOUGHT:
            if snapshot.rsi <= 50.0:
                return f"RSI {snapshot.rsi:.0f}, needs < 30; last < 30 was {_ago(self._bars_since_low)}"
            return f"RSI {snapshot.rsi:.0f}, needs > 70; last > 70 was {_ago(self._bars_since_high)}"
        if low < RSI_OVERSOLD:
            if not snapshot.price > snapshot.ema:
                return f"long: price {snapshot.price:.2f}, needs > EMA14 {snapshot.ema:.2f}"
            if not snapshot.macd_histogram > 0.0:
                return f"long: MACD histogram {snapshot.macd_histogram:.4f}, needs > 0"
            if not self._is_long_armed:
                return "long: already signalled; re-arms after a bar where the rule is false"
        if high > RSI_OVERBOUGHT:
            if not snapshot.price < snapshot.ema:
                return f"short: price {snapshot.price:.2f}, needs < EMA14 {snapshot.ema:.2f}"
            if not snapshot.macd_histogram < 0.0:
                return f"short: MACD histogram {snapshot.macd_histogram:.4f}, needs < 0"
            if not self._is_short_armed:
                return "short: already signalled; re-arms after a bar where the rule is false"
        return "all conditions met: waiting for the next analysis, or for the cool-down after the last signal"

    def state(self) -> list[float]:
        tail = [
            float(self._bars_since_low),
            float(self._bars_since_high),
            1.0 if self._is_long_armed else 0.0,
            1.0 if self._is_short_armed else 0.0,
            float(self._silent_until_ns // 1_000_000),
        ]
        return self._window.values() + tail

    def _lowest_rsi(self, snapshot: Snapshot) -> float:
        if snapshot.rsi < self._window_low:
            return snapshot.rsi
        return self._window_low

    def _highest_rsi(self, snapshot: Snapshot) -> float:
        if snapshot.rsi > self._window_high:
            return snapshot.rsi
        return self._window_high

    def _remember(self, rsi: float) -> None:
        """The window moves on by a bar. It is searched only when the bar that leaves it held one of its extremes."""
        window = self._window
        is_lost = False
        if window.is_full:
            oldest = window[0]
            is_lost = oldest <= self._window_low or oldest >= self._window_high
        window.append(rsi)
        if is_lost:
            self._window_low = window.lowest()
            self._window_high = window.highest()
            return
        if rsi < self._window_low:
            self._window_low = rsi
        if rsi > self._window_high:
            self._window_high = rsi

    def _is_long(self, snapshot: Snapshot) -> bool:
        return (
            snapshot.price > snapshot.ema
            and snapshot.macd_histogram > 0.0
            and self._lowest_rsi(snapshot) < RSI_OVERSOLD
        )

    def _is_short(self, snapshot: Snapshot) -> bool:
        return (
            snapshot.price < snapshot.ema
            and snapshot.macd_histogram < 0.0
            and self._highest_rsi(snapshot) > RSI_OVERBOUGHT
        )

    def _signal(self, snapshot: Snapshot, side: int) -> Signal:
        low = self._lowest_rsi(snapshot)
        high = self._highest_rsi(snapshot)
        depth = (RSI_OVERSOLD - low) / 30.0 if side == BUY else (high - RSI_OVERBOUGHT) / 30.0
        push = 0.0
        if snapshot.atr > 0.0:
            push = min(1.0, abs(snapshot.macd_histogram) / snapshot.atr)
        confidence = min(1.0, 0.5 + 0.25 * depth + 0.25 * push)
        # Percent: compiled, an f-string with a format is a slow call for each of its fields.
        if side == BUY:
            text = "price %.2f > EMA14 %.2f" % (snapshot.price, snapshot.ema)  # noqa: UP031
            extreme = "RSI %.1f < 30" % low  # noqa: UP031
            push_text = "MACD histogram %.4f > 0" % snapshot.macd_histogram  # noqa: UP031
        else:
            text = "price %.2f < EMA14 %.2f" % (snapshot.price, snapshot.ema)  # noqa: UP031
            extreme = "RSI %.1f > 70" % high  # noqa: UP031
            push_text = "MACD histogram %.4f < 0" % snapshot.macd_histogram  # noqa: UP031
        if self.confirm_bars:
            extreme += f" within {self.confirm_bars} bars"
        return Signal(side, confidence, [text, extreme, push_text])


def _ago(bars: int) -> str:
    return "not seen yet" if bars >= _LONG_AGO else f"{bars} bars ago"
