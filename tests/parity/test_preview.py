"""Preview equals commit-if-the-bar-closed-now, bit for bit, for every indicator and the analyzer, on any prices.

The comparison is with a copy: the same history replayed into a second object, then committed.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supreme_system_v5.optimized.analyzer import OptimizedTechnicalAnalyzer, Snapshot
from supreme_system_v5.optimized.atr import ATR
from supreme_system_v5.optimized.circular_buffer import RollingAverage
from supreme_system_v5.optimized.ema import EMA
from supreme_system_v5.optimized.macd import MACD
from supreme_system_v5.optimized.rsi import RSI

pytestmark = pytest.mark.parity

Bar = tuple[float, float, float, float, float]

price = st.one_of(st.floats(1e-9, 1e12), st.floats(1990.0, 2010.0), st.sampled_from([2000.0, 1e-4, 1e9]))
volume = st.one_of(st.just(0.0), st.floats(0.0, 1e9))


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    four = sorted(draw(st.lists(price, min_size=4, max_size=4)))
    middle = four[1:3] if draw(st.booleans()) else four[2:0:-1]
    return middle[0], four[3], four[0], middle[1], draw(volume)


history = st.lists(bars(), max_size=45)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([EMA, RSI, RollingAverage]), st.integers(1, 30), st.lists(price, max_size=45), price, price)
def test_price_indicators(kind: Any, period: int, past: list[float], other: float, now: float) -> None:
    item, copy = kind(period), kind(period)
    for x in past:
        item.update(x)
        copy.update(x)
    item.preview(other)
    assert item.state() == copy.state()
    assert item.preview(now) == copy.update(now)
    item.update(now)
    assert item.state() == copy.state()


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 30), history, bars(), bars())
def test_atr(period: int, past: list[Bar], other: Bar, now: Bar) -> None:
    item, copy = ATR(period), ATR(period)
    for bar in past:
        item.update(*bar[1:4])
        copy.update(*bar[1:4])
    item.preview(*other[1:4])
    assert item.state() == copy.state()
    assert item.preview(*now[1:4]) == copy.update(*now[1:4])
    item.update(*now[1:4])
    assert item.state() == copy.state()


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9), st.lists(price, max_size=45), price, price)
def test_macd(fast: int, more: int, signal: int, past: list[float], other: float, now: float) -> None:
    item, copy = MACD(fast, fast + more, signal), MACD(fast, fast + more, signal)
    for x in past:
        item.update(x)
        copy.update(x)
    item.preview(other)
    assert item.state() == copy.state()
    item.preview(now)
    copy.update(now)
    promised = (item.preview_line, item.preview_signal, item.preview_histogram)
    assert promised == (copy.line, copy.signal, copy.histogram)
    item.update(now)
    assert item.state() == copy.state()


def values(snapshot: Snapshot) -> list[float]:
    averages = [snapshot.ema, snapshot.rsi, snapshot.atr, snapshot.volume_mean]
    return [snapshot.price, *averages, snapshot.macd, snapshot.macd_signal, snapshot.macd_histogram, snapshot.is_warm]


@settings(max_examples=150, deadline=None)
@given(history, bars(), bars())
def test_analyzer(past: list[Bar], other: Bar, now: Bar) -> None:
    item, copy = OptimizedTechnicalAnalyzer(), OptimizedTechnicalAnalyzer()
    for bar in past:
        item.commit(*bar)
        copy.commit(*bar)
    item.preview(*other[1:])
    promised = values(item.preview(*now[1:]))
    assert item.state() == copy.state()
    assert promised == values(copy.commit(*now))
    item.commit(*now)
    assert item.state() == copy.state()
