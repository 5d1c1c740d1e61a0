"""The strategy on recorded bars against the rule written down a second time, with numpy and TA-Lib."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import pytest

from supreme_system_v5.core.strategies.scalping import ScalpingStrategy
from supreme_system_v5.optimized.analyzer import OptimizedTechnicalAnalyzer

np = pytest.importorskip("numpy", reason="numpy is not installed")
talib = pytest.importorskip("talib", reason="TA-Lib is not installed")

FILES = (
    "spot_BTCUSDT_20240726_20240825",
    "spot_ETHUSDT_20210420_20210520",
    "spot_ETHUSDT_20240726_20240825",
    "usdm_ETHUSDT_20230703_20230817",
)
BARS_PER_DAY = 1440
MINUTE_NS = 60_000_000_000
COOLDOWN_NS = 45_000_000_000


def read_bars(name: str) -> list[tuple[float, float, float, float, float]]:
    root = os.environ.get("SUPREME_DATA_DIR")
    if not root:
        pytest.skip("SUPREME_DATA_DIR is not set: no recorded bars")
    path = Path(root) / "bars_1m" / f"{name}.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = csv.reader(file)
        next(rows)
        return [(float(o), float(h), float(low), float(c), float(v)) for _, o, h, low, c, v in rows]


def reference(bars: list[tuple[float, float, float, float, float]], confirm: int):  # type: ignore[no-untyped-def]
    """Where each side is true, bar by bar, from TA-Lib's whole-series functions."""
    data = np.array(bars)
    close = np.ascontiguousarray(data[:, 3])
    ema, rsi = talib.EMA(close, 14), talib.RSI(close, 14)
    histogram = talib.MACD(close, 12, 26, 9)[2]
    lowest, highest = rsi.copy(), rsi.copy()
    for back in range(1, confirm):
        shifted = np.concatenate([np.full(back, np.nan), rsi[:-back]])
        lowest, highest = np.fmin(lowest, shifted), np.fmax(highest, shifted)
    with np.errstate(invalid="ignore"):
        is_long = (close > ema) & (histogram > 0) & (lowest < 30)
        is_short = (close < ema) & (histogram < 0) & (highest > 70)
    return is_long, is_short


def rising(flags) -> list[int]:  # type: ignore[no-untyped-def]
    return [int(i) for i in np.flatnonzero(flags[1:] & ~flags[:-1]) + 1]


def run(bars: list[tuple[float, float, float, float, float]], confirm: int) -> tuple[list[int], list[int]]:
    """At which bars the strategy fired, long and short, evaluated at each commit."""
    analyzer = OptimizedTechnicalAnalyzer()
    strategy = ScalpingStrategy(confirm)
    fired: tuple[list[int], list[int]] = ([], [])
    for i, bar in enumerate(bars):
        snapshot = analyzer.commit(*bar)
        strategy.on_bar(snapshot, True)
        signal = strategy.evaluate(snapshot, i * MINUTE_NS, COOLDOWN_NS)
        if signal is not None:
            fired[0 if signal.side > 0 else 1].append(i)
    return fired


@pytest.mark.parametrize("name", FILES)
def test_it_fires_where_the_reference_does(name: str) -> None:
    bars = read_bars(name)
    for confirm in (10, 3):
        is_long, is_short = reference(bars, confirm)
        longs, shorts = run(bars, confirm)
        expected = (rising(is_long), rising(is_short))
        # The memory fills with warm bars only: in the first ones the reference knows more.
        skip = 60
        assert [i for i in longs if i > skip] == [i for i in expected[0] if i > skip]
        assert [i for i in shorts if i > skip] == [i for i in expected[1] if i > skip]
        if confirm == 10:
            per_day = (len(longs) + len(shorts)) / (len(bars) / BARS_PER_DAY)
            print(f"{name}: {len(longs)} long, {len(shorts)} short, {per_day:.1f} a day")
            assert 20 <= round(per_day) <= 25


def test_the_rule_taken_literally_never_fired() -> None:
    count = 0
    for name in FILES:
        bars = read_bars(name)
        count += len(bars)
        assert run(bars, 0) == ([], [])
    assert count == 193_398
