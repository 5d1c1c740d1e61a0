"""Bar in, one snapshot out: EMA, RSI, MACD, ATR and mean volume, O(1) an update."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.optimized.atr import ATR
from supreme_system_v5.optimized.circular_buffer import CircularBuffer, RollingAverage
from supreme_system_v5.optimized.ema import EMA
from supreme_system_v5.optimized.limits import INPUT_MAX
from supreme_system_v5.optimized.macd import MACD
from supreme_system_v5.optimized.rsi import NEUTRAL, RSI


class Snapshot:
    """What the analyzer sees. ONE object per analyzer, overwritten by every commit and preview: do not keep it."""

    def __init__(self) -> None:
        self.price: float = 0.0  # the bar's close
        self.ema: float = 0.0
        self.rsi: float = NEUTRAL
        self.macd: float = 0.0
        self.macd_signal: float = 0.0
        self.macd_histogram: float = 0.0
        self.atr: float = 0.0  # price units
        self.volume_mean: float = 0.0
        self.bars: i64 = 0  # committed bars; a preview does not count its own
        self.is_warm: bool = False  # every value above is fully seeded
        self.is_preview: bool = False


class OptimizedTechnicalAnalyzer:
    """The indicators of one stream of bars. A closed bar commits; a forming one gets an O(1) preview, as if it closed.

    Before ``is_warm`` the values are neutral or means so far: for display, not for decisions.
    """

    def __init__(
        self,
        ema_period: i64 = 14,
        rsi_period: i64 = 14,
        macd_fast: i64 = 12,
        macd_slow: i64 = 26,
        macd_signal: i64 = 9,
        atr_period: i64 = 14,
        volume_period: i64 = 20,
        buffer_size: i64 = 200,
    ) -> None:
        """Periods and ``buffer_size`` (how many ATR ratios are kept) in bars. Raises ValueError when bad."""
        self._ema: Final = EMA(ema_period)
        self._rsi: Final = RSI(rsi_period)
        self._macd: Final = MACD(macd_fast, macd_slow, macd_signal)
        self._atr: Final = ATR(atr_period)
        self._volumes: Final = RollingAverage(volume_period)
        self._atr_pcts: Final = CircularBuffer(buffer_size)
        self.bars: i64 = 0
        seeds = (ema_period, rsi_period + 1, macd_slow + macd_signal - 1, atr_period + 1, volume_period)
        self.bars_to_warm: i64 = max(int(bars) for bars in seeds)
        self._atr_pct: float = 0.0
        self._snapshot: Final = Snapshot()

    def commit(self, open: float, high: float, low: float, close: float, volume: float) -> Snapshot:
        """Take a closed bar. Raises ValueError, state unchanged, unless 0 < low <= open, close <= high and volume >= 0,
        all finite."""
        if not (0.0 < low <= open <= high <= INPUT_MAX and low <= close <= high and 0.0 <= volume <= INPUT_MAX):
            raise ValueError(f"not a bar: {open!r}, {high!r}, {low!r}, {close!r}, volume {volume!r}")
        macd = self._macd
        atr = self._atr
        snapshot = self._snapshot
        macd.update(close)
        snapshot.price = close
        snapshot.ema = self._ema.update(close)
        snapshot.rsi = self._rsi.update(close)
        snapshot.macd = macd.line
        snapshot.macd_signal = macd.signal
        snapshot.macd_histogram = macd.histogram
        average_range = atr.update(high, low, close)
        snapshot.atr = average_range
        snapshot.volume_mean = self._volumes.update(volume)
        if atr.is_warm:
            self._atr_pct = average_range / close
            self._atr_pcts.append(self._atr_pct)
        self.bars += 1
        snapshot.bars = self.bars
        snapshot.is_warm = self.bars >= self.bars_to_warm
        snapshot.is_preview = False
        return snapshot

    def preview(self, high: float, low: float, close: float, volume: float) -> Snapshot:
        """What ``commit`` would show if the forming bar closed now; changes no state. Raises ValueError as it does."""
        if not (0.0 < low <= close <= high <= INPUT_MAX and 0.0 <= volume <= INPUT_MAX):
            raise ValueError(f"not a bar: {high!r}, {low!r}, {close!r}, volume {volume!r}")
        macd = self._macd
        snapshot = self._snapshot
        macd.preview(close)
        snapshot.price = close
        snapshot.ema = self._ema.preview(close)
        snapshot.rsi = self._rsi.preview(close)
        snapshot.macd = macd.preview_line
        snapshot.macd_signal = macd.preview_signal
        snapshot.macd_histogram = macd.preview_histogram
        snapshot.atr = self._atr.preview(high, low, close)
        snapshot.volume_mean = self._volumes.preview(volume)
        snapshot.bars = self.bars
        snapshot.is_warm = self.bars + 1 >= self.bars_to_warm
        snapshot.is_preview = True
        return snapshot

    def atr_pct(self) -> float:
        """ATR / close of the last committed bar, as a fraction; 0.0 while the ATR is not warm."""
        return self._atr_pct

    def median_atr_pct(self) -> float:
        """Median of ATR / close over the buffer, as a fraction; 0.0 when empty. 3 us: not for every event."""
        if len(self._atr_pcts) == 0:
            return 0.0
        return self._atr_pcts.median()

    def usual_atr_pct(self) -> float:
        """The smaller of ``median_atr_pct`` and ``atr_pct``: below the latter when the market moves more than usual."""
        if len(self._atr_pcts) == 0:
            return 0.0
        return self._atr_pcts.median_up_to(self._atr_pct)

    def state(self) -> list[float]:
        """Everything that determines the future, in a fixed order, for the digest."""
        return [
            float(self.bars),
            *self._ema.state(),
            *self._rsi.state(),
            *self._macd.state(),
            *self._atr.state(),
            *self._volumes.state(),
            *self._atr_pcts.values(),
        ]
