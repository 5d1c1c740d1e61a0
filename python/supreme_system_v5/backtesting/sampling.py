"""Equity and candles for the report, taken once a bar and kept within a bound, however long the run is.

Equity is folded by groups of bars, of which the lowest and the highest point are kept in their order, so that drawdowns
survive. Candles are folded by time. Nothing here has a say in what the engine does.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.engine.engine import Engine

EQUITY_POINTS_MAX: Final = 4_096
CANDLES_MAX: Final = 4_096


class Point:
    """Equity, mark and signed position at a time (ns)."""

    def __init__(self, time_ns: i64, equity_e8: i64, mark_e8: i64, position_e8: i64) -> None:
        self.time_ns: i64 = time_ns
        self.equity_e8: i64 = equity_e8
        self.mark_e8: i64 = mark_e8
        self.position_e8: i64 = position_e8


class Sampler:
    """Looks at the engine after every committed bar. Times in ns (candles: ms), amounts in 1e-8 units."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.points: list[Point] = []
        self.candles: list[Bar] = []
        self.candle_ms: i64 = engine.chart.bar_ms
        self.bars: i64 = 0
        self._seen: i64 = 0  # of the engine's committed bars
        self._group: i64 = 1  # bars a point (from 2 on: a pair of points)
        self._in_group: i64 = 0
        self._low: Point | None = None
        self._high: Point | None = None
        self._ledger: Ledger = engine.state.ledger
        self._equity_e8: i64 = self._ledger.equity_e8(0)
        self._candle: Bar | None = None

    def look(self) -> None:
        """Once after every event that may have committed a bar."""
        chart = self.engine.chart
        if chart.committed == self._seen:
            return
        self._seen = chart.committed
        self.bars += 1
        bar = chart.last_bar
        if bar is not None:
            self._add_candle(bar)
        self._add_point()

    # -- equity

    def _add_point(self) -> None:
        state = self.engine.state
        ledger = state.ledger
        if state.position is not None or ledger is not self._ledger or ledger.dust_e8 != 0:
            self._ledger = ledger
            self._equity_e8 = state.equity_e8()
        elif self._low is not None:  # flat, and no fill since the last bar: nothing has changed but the time
            self._in_group += 1
            if self._in_group >= self._group:
                self._end_group()
            return
        point = Point(state.now_ns, self._equity_e8, state.mark_e8(), ledger.position_e8)
        low = self._low
        high = self._high
        if low is None or point.equity_e8 < low.equity_e8:
            self._low = point
        if high is None or point.equity_e8 >= high.equity_e8:
            self._high = point
        self._in_group += 1
        if self._in_group >= self._group:
            self._end_group()

    def _end_group(self) -> None:
        low = self._low
        high = self._high
        self._low = None
        self._high = None
        self._in_group = 0
        if low is None or high is None:
            return
        if low is high:
            self.points.append(low)
        elif low.time_ns < high.time_ns:
            self.points.append(low)
            self.points.append(high)
        else:
            self.points.append(high)
            self.points.append(low)
        if len(self.points) >= EQUITY_POINTS_MAX:
            self._fold_points()

    def _fold_points(self) -> None:
        """Of every four points the lowest and the highest are kept."""
        kept: list[Point] = []
        for start in range(0, len(self.points), 4):
            four = self.points[start : start + 4]
            low = high = four[0]
            for point in four:
                if point.equity_e8 < low.equity_e8:
                    low = point
                if point.equity_e8 >= high.equity_e8:
                    high = point
            kept.append(low if low.time_ns <= high.time_ns else high)
            if low is not high:
                kept.append(high if low.time_ns <= high.time_ns else low)
        self.points = kept
        self._group *= 2

    # -- candles

    def _add_candle(self, bar: Bar) -> None:
        candle = self._candle
        if candle is not None and bar.open_ms < candle.open_ms + self.candle_ms:
            _merge(candle, bar)
            return
        start_ms = bar.open_ms - bar.open_ms % self.candle_ms
        candle = Bar(start_ms, bar.open_e8, bar.high_e8, bar.low_e8, bar.close_e8, bar.volume_e8, 0)
        self._candle = candle
        self.candles.append(candle)
        if len(self.candles) >= CANDLES_MAX:
            self._fold_candles()

    def _fold_candles(self) -> None:
        self.candle_ms *= 2
        folded: list[Bar] = []
        for candle in self.candles:
            start_ms = candle.open_ms - candle.open_ms % self.candle_ms
            if folded and folded[-1].open_ms == start_ms:
                _merge(folded[-1], candle)
            else:
                candle.open_ms = start_ms
                folded.append(candle)
        self.candles = folded
        self._candle = folded[-1]

    def finish(self) -> None:
        """The end of the data: what is left of the last group is kept, and the last state of all."""
        state = self.engine.state
        self._end_group()
        mark_e8 = state.mark_e8()
        self.points.append(Point(state.now_ns, state.equity_e8(), mark_e8, state.ledger.position_e8))


def _merge(into: Bar, bar: Bar) -> None:
    if bar.high_e8 > into.high_e8:
        into.high_e8 = bar.high_e8
    if bar.low_e8 < into.low_e8:
        into.low_e8 = bar.low_e8
    into.close_e8 = bar.close_e8
    into.volume_e8 += bar.volume_e8
