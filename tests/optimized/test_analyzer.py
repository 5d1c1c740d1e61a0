"""The analyzer: its parts together, preview, medians, and one digest for the compiled and the pure build."""

from __future__ import annotations

import hashlib
import random
import statistics
import struct

import pytest

from supreme_system_v5.optimized.analyzer import OptimizedTechnicalAnalyzer, Snapshot
from supreme_system_v5.optimized.atr import ATR
from supreme_system_v5.optimized.circular_buffer import RollingAverage
from supreme_system_v5.optimized.ema import EMA
from supreme_system_v5.optimized.macd import MACD
from supreme_system_v5.optimized.rsi import RSI
from supreme_system_v5.optimized.smart_events import SmartEventProcessor

Bar = tuple[float, float, float, float, float]


def walk(count: int, seed: int = 3) -> list[Bar]:
    """Bars of a random walk in exact hundredths, so that they are the same on every machine."""
    rng = random.Random(seed)
    bars, price = [], 200_000
    for _ in range(count):
        close = max(1_000, price + rng.randint(-300, 300))
        high, low = max(price, close) + rng.randint(0, 90), min(price, close) - rng.randint(0, 90)
        bars.append((price / 100, high / 100, low / 100, close / 100, rng.randint(0, 5_000_000) / 1000))
        price = close
    return bars


def values(snapshot: Snapshot) -> tuple[float, ...]:
    return (
        snapshot.price,
        snapshot.ema,
        snapshot.rsi,
        snapshot.macd,
        snapshot.macd_signal,
        snapshot.macd_histogram,
        snapshot.atr,
        snapshot.volume_mean,
    )


def test_it_is_its_indicators_together() -> None:
    analyzer = OptimizedTechnicalAnalyzer(7, 9, 5, 11, 4, 6, 8)
    ema, rsi, macd, atr, volume = EMA(7), RSI(9), MACD(5, 11, 4), ATR(6), RollingAverage(8)
    for bar_open, high, low, close, traded in walk(100):
        macd.update(close)
        expected = (ema.update(close), rsi.update(close), macd.line, macd.signal, macd.histogram)
        expected += (atr.update(high, low, close), volume.update(traded))
        snapshot = analyzer.commit(bar_open, high, low, close, traded)
        assert values(snapshot) == (close, *expected)
        assert snapshot.is_warm == all(part.is_warm for part in (ema, rsi, macd, atr, volume))


def test_one_snapshot_is_reused_and_says_what_it_is() -> None:
    analyzer = OptimizedTechnicalAnalyzer()
    bars = walk(40)
    for number, bar in enumerate(bars, 1):
        preview = analyzer.preview(*bar[1:])
        assert preview.is_preview
        assert preview.bars == number - 1
        assert preview.is_warm == (number >= 34)
        snapshot = analyzer.commit(*bar)
        assert snapshot is preview
        assert not snapshot.is_preview
        assert snapshot.bars == number
        assert snapshot.is_warm == (number >= 34)


def test_preview_is_what_commit_would_show_and_changes_nothing() -> None:
    analyzer, twin = OptimizedTechnicalAnalyzer(), OptimizedTechnicalAnalyzer()
    bars = walk(120)
    for bar, other in zip(bars, reversed(bars), strict=True):
        analyzer.preview(*other[1:])
        promised = values(analyzer.preview(*bar[1:]))
        assert analyzer.state() == twin.state()
        assert values(twin.commit(*bar)) == promised
        analyzer.commit(*bar)


@pytest.mark.parametrize("buffer_size", [1, 2, 7, 200])
def test_median_atr_ratio_over_the_buffer(buffer_size: int) -> None:
    analyzer = OptimizedTechnicalAnalyzer(buffer_size=buffer_size)
    ratios: list[float] = []
    assert (analyzer.median_atr_pct(), analyzer.atr_pct()) == (0.0, 0.0)
    for number, bar in enumerate(walk(300), 1):
        snapshot = analyzer.commit(*bar)
        if number >= 15:
            ratios.append(snapshot.atr / bar[3])
            assert analyzer.atr_pct() == ratios[-1]
        assert analyzer.median_atr_pct() == (statistics.median(ratios[-buffer_size:]) if ratios else 0.0)


def test_equal_states_have_equal_futures_and_any_bar_changes_the_state() -> None:
    bars = walk(80)
    changed = [*bars[:40], (*bars[40][:4], bars[40][4] + 0.001), *bars[41:]]
    states = []
    for series in (bars, bars, changed):
        analyzer = OptimizedTechnicalAnalyzer()
        for bar in series[:50]:
            analyzer.commit(*bar)
        states.append(analyzer.state())
    assert states[0] == states[1]
    assert states[0] != states[2]


def test_compiled_and_pure_give_the_same_bits() -> None:
    """The constants below hold on both builds: run the tests on each."""
    analyzer = OptimizedTechnicalAnalyzer()
    gate = SmartEventProcessor(0.002, 1.5, 30.0, 60.0, 42, 0.7)
    analysis, decisions = hashlib.sha256(), hashlib.sha256()
    for number, bar in enumerate(walk(2000)):
        analysis.update(struct.pack("<8d", *values(analyzer.preview(*bar[1:]))))
        analysis.update(struct.pack("<8d", *values(analyzer.commit(*bar))))
        reason = gate.on_trade(1_700_000_000_000_000_000 + number * 700_000_000, bar[3], bar[4] + 0.001)
        decisions.update(struct.pack("<qq", reason, int(gate.due_ns)))
    state = analyzer.state()
    analysis.update(struct.pack(f"<{len(state)}d", *state))
    state = gate.state()
    decisions.update(struct.pack(f"<{len(state)}d", *state))
    assert analysis.hexdigest()[:16] == "aaa8d73571885ae9"
    assert decisions.hexdigest()[:16] == "e7085868d8535775"
