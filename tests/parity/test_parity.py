"""EMA, RSI, MACD, ATR and the rolling mean against TA-Lib's batch functions and an independent reference.

The reference is written here from the textbook definitions, in the other algebraic form (weights instead of
increments, relative strength instead of the gain's share), over floats for long series and 40-digit decimals for
generated ones, where it is exact to all digits that matter.
"""

from __future__ import annotations

import csv
import decimal
import gzip
import math
import os
import random
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supreme_system_v5.optimized.atr import ATR
from supreme_system_v5.optimized.circular_buffer import RollingAverage
from supreme_system_v5.optimized.ema import EMA
from supreme_system_v5.optimized.macd import MACD
from supreme_system_v5.optimized.rsi import RSI

try:
    import numpy
    import talib
except ImportError:  # the reference still runs; test_talib_took_part says so
    talib = None

pytestmark = pytest.mark.parity

Bars = list[tuple[float, float, float]]  # (high, low, close)
Column = list[float | None]
PERIOD, FAST, SLOW, SIGNAL, VOLUME = 14, 12, 26, 9, 20
TALIB_ZERO = 1e-14  # TA-Lib takes an average move below this for none and returns RSI 0


# Ours -------------------------------------------------------------------------------------------------------------


def ours(bars: Bars) -> dict[str, Column]:
    ema, rsi, macd, atr, mean = EMA(PERIOD), RSI(PERIOD), MACD(FAST, SLOW, SIGNAL), ATR(PERIOD), RollingAverage(VOLUME)
    names = ("EMA", "RSI", "MACD line", "MACD signal", "MACD histogram", "ATR", "mean")
    columns: dict[str, Column] = {name: [] for name in names}
    for high, low, close in bars:
        ema.update(close)
        rsi.update(close)
        macd.update(close)
        atr.update(high, low, close)
        mean.update(close)
        columns["EMA"].append(ema.value if ema.is_warm else None)
        columns["RSI"].append(rsi.value if rsi.is_warm else None)
        columns["MACD line"].append(macd.line if macd.is_warm else None)
        columns["MACD signal"].append(macd.signal if macd.is_warm else None)
        columns["MACD histogram"].append(macd.histogram if macd.is_warm else None)
        columns["ATR"].append(atr.value if atr.is_warm else None)
        columns["mean"].append(mean.mean if mean.is_warm else None)
    return columns


# TA-Lib -----------------------------------------------------------------------------------------------------------


def from_talib(bars: Bars) -> dict[str, Column]:
    high, low, close = (numpy.array(column) for column in zip(*bars, strict=True))
    line, signal, histogram = talib.MACD(close, FAST, SLOW, SIGNAL)
    columns = {
        "EMA": talib.EMA(close, PERIOD),
        "RSI": talib.RSI(close, PERIOD),
        "MACD line": line,
        "MACD signal": signal,
        "MACD histogram": histogram,
        "ATR": talib.ATR(high, low, close, PERIOD),
    }
    return {name: [None if math.isnan(x) else x for x in column.tolist()] for name, column in columns.items()}


# The independent reference: N is float or Decimal -----------------------------------------------------------------


def reference_ema(xs: list[Any], period: int) -> list[Any]:
    weight = type(xs[0])(2) / (period + 1)
    value = sum(xs[:period]) / period
    out = [None] * (period - 1) + [value]
    for x in xs[period:]:
        value = weight * x + (1 - weight) * value
        out.append(value)
    return out


def reference_wilder(xs: list[Any], period: int) -> list[Any]:
    value = sum(xs[:period]) / period
    out = [None] * (period - 1) + [value]
    for x in xs[period:]:
        value = x / period + value * (period - 1) / period
        out.append(value)
    return out


def reference_rsi(closes: list[Any], period: int) -> list[Any]:
    moves = [b - a for a, b in pairwise(closes)]
    gains = reference_wilder([max(move, move * 0) for move in moves], period)
    losses = reference_wilder([max(-move, move * 0) for move in moves], period)
    out: list[Any] = [None]
    for gain, loss in zip(gains, losses, strict=True):
        if gain is None:
            out.append(None)
        elif loss == 0:
            out.append(50 if gain == 0 else 100)
        else:
            out.append(100 - 100 / (1 + gain / loss))
    return out


def reference_macd(closes: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    slow = reference_ema(closes, SLOW)[SLOW - 1 :]
    fast = reference_ema(closes[SLOW - FAST :], FAST)[FAST - 1 :]
    line = [a - b for a, b in zip(fast, slow, strict=True)]
    signal = reference_ema(line, SIGNAL)[SIGNAL - 1 :]
    line = line[SIGNAL - 1 :]
    unknown = [None] * (SLOW + SIGNAL - 2)
    return unknown + line, unknown + signal, unknown + [a - b for a, b in zip(line, signal, strict=True)]


def reference_atr(highs: list[Any], lows: list[Any], closes: list[Any], period: int) -> list[Any]:
    ranges = [
        max(high - low, abs(high - close), abs(low - close))
        for high, low, close in zip(highs[1:], lows[1:], closes, strict=False)
    ]
    return [None, *reference_wilder(ranges, period)]


def reference_mean(xs: list[Any], period: int) -> list[Any]:
    return [None] * (period - 1) + [sum(xs[i - period : i]) / period for i in range(period, len(xs) + 1)]


def from_reference(bars: Bars, number: Callable[[float], Any]) -> dict[str, Column]:
    with decimal.localcontext() as context:
        context.prec = 40
        context.Emin, context.Emax = -999_999, 999_999
        highs, lows, closes = ([number(x) for x in column] for column in zip(*bars, strict=True))
        line, signal, histogram = reference_macd(closes)
        columns = {
            "EMA": reference_ema(closes, PERIOD),
            "RSI": reference_rsi(closes, PERIOD),
            "MACD line": line,
            "MACD signal": signal,
            "MACD histogram": histogram,
            "ATR": reference_atr(highs, lows, closes, PERIOD),
            "mean": reference_mean(closes, VOLUME),
        }
        return {name: [None if x is None else float(x) for x in column] for name, column in columns.items()}


def is_flat_to_talib(bars: Bars) -> list[bool]:
    """Where TA-Lib sees no movement at all: the one stated exception (we say 50, or what the average still knows)."""
    closes = [close for _, _, close in bars]
    moves = [abs(b - a) for a, b in pairwise(closes)]
    return [False] + [total is not None and total < 2 * TALIB_ZERO for total in reference_wilder(moves, PERIOD)]


def check(tally: Any, bars: Bars, is_exact: bool, is_talib: bool) -> None:
    mine = ours(bars)
    oracles = {"reference": from_reference(bars, Decimal if is_exact else float)}
    if is_talib and talib is not None:
        oracles["TA-Lib"] = from_talib(bars)
    flat = is_flat_to_talib(bars)
    never = [False] * len(bars)
    violations = []
    for oracle, columns in oracles.items():
        for name, theirs in columns.items():
            if name == "RSI":
                allowed = [1e-6] * len(bars)
            else:
                pairs = zip(theirs, bars, strict=True)
                allowed = [1e-6 * max(abs(x or 0.0), 1e-6 * close) for x, (_, _, close) in pairs]
            exempt = flat if name == "RSI" and oracle == "TA-Lib" else never
            violations += tally.compare(name, oracle, mine[name], theirs, allowed, exempt)
    assert not violations, f"{len(violations)} violations, first: {violations[:3]}"


# Generated series -------------------------------------------------------------------------------------------------


def walk(scale: float, count: int, seed: int, volatility: float = 0.002) -> Bars:
    rng = random.Random(seed)
    bars, price = [], scale
    for _ in range(count):
        close = price * math.exp(rng.gauss(0.0, volatility))
        close = min(max(close, scale / 3), scale * 3)
        high = max(price, close) * (1 + abs(rng.gauss(0.0, volatility / 3)))
        low = min(price, close) * (1 - abs(rng.gauss(0.0, volatility / 3)))
        bars.append((high, low, close))
        price = close
    return bars


def flat(price: float, count: int) -> Bars:
    return [(price, price, price)] * count


def stops_and_goes(scale: float) -> Bars:
    """Movement with flat stretches in it, some of them from the first bar on."""
    bars = flat(scale, 40)
    for part in range(12):
        bars += walk(bars[-1][2], 50, part) + flat(bars[-1][2], 5 + 12 * part)
    return bars


def spiking(scale: float, factor: float, seed: int = 9) -> Bars:
    """Lone prints ``factor`` up, down, and as a wick only."""
    bars = walk(scale, 900, seed)
    for i in (3, 30, 150, 400, 401, 700):
        bars[i] = tuple(x * factor for x in bars[i])  # type: ignore[assignment]
    for i in (60, 250, 550):
        bars[i] = tuple(x / factor for x in bars[i])  # type: ignore[assignment]
    high, low, close = bars[800]
    bars[800] = (high * factor, low / factor, close)
    return bars


def one_way(scale: float, step: float) -> Bars:
    closes = [scale * (1 + step) ** i for i in range(300)]
    return [(close * 1.0001, close * 0.9999, close) for close in closes]


def within_talib() -> dict[str, Bars]:
    """Prices from 1e-4 to 1e9."""
    series = {f"walk at {scale:g}": walk(scale, 3000, 1) for scale in (4e-4, 0.07, 1.0, 2000.0, 65_000.0, 3e8)}
    series |= {f"flat at {price:g}": flat(price, 400) for price in (1e-4, 0.1, 2000.0, 1e9)}
    series |= {f"stops and goes at {scale:g}": stops_and_goes(scale) for scale in (4e-4, 2000.0, 3e8)}
    series |= {
        f"spikes of {factor:g} at {scale:g}": spiking(scale, factor)
        for scale, factor in ((2000.0, 1.5), (2000.0, 1e5), (300.0, 1e6), (400.0, 1e6), (0.02, 100.0))
    }
    series |= {f"one way {step:+g}": one_way(2000.0, step) for step in (0.001, -0.001, 0.02, -0.02)}
    series["violent"] = walk(2000.0, 2000, 4, volatility=0.3)
    return series


def beyond_talib() -> dict[str, Bars]:
    series = {f"walk at {scale:g}": walk(scale, 1000, 2) for scale in (1e-15, 1e-9, 1e-6, 1e12, 1e100, 1e290)}
    spikes = ((1.0, 1e12), (1e-9, 1e9))
    series |= {f"spikes of {factor:g} at {scale:g}": spiking(scale, factor) for scale, factor in spikes}
    series |= {f"flat at {price:g}": flat(price, 200) for price in (1e-12, 1e15)}
    series |= {f"stops and goes at {scale:g}": stops_and_goes(scale) for scale in (1e-9, 1e12)}
    return series


@pytest.mark.parametrize("bars", [pytest.param(bars, id=name) for name, bars in within_talib().items()])
def test_generated_series(tally: Any, bars: Bars) -> None:
    assert all(1e-4 <= close <= 1e9 for _, _, close in bars)
    check(tally, bars, is_exact=True, is_talib=True)


@pytest.mark.parametrize("bars", [pytest.param(bars, id=name) for name, bars in beyond_talib().items()])
def test_generated_series_beyond_talibs_range(tally: Any, bars: Bars) -> None:
    check(tally, bars, is_exact=True, is_talib=False)


@st.composite
def any_bars(draw: st.DrawFn) -> Bars:
    price = st.floats(-4.0, 9.0).map(lambda exponent: max(1e-4, 10.0**exponent))
    near = draw(price)
    step = st.one_of(price, st.floats(0.99, 1.01).map(lambda factor: min(max(near * factor, 1e-4), 1e9)), st.just(near))
    closes = draw(st.lists(step, min_size=36, max_size=90))
    wicks = draw(st.lists(st.floats(0.0, 0.01), min_size=len(closes), max_size=len(closes)))
    return [(close * (1 + wick), close * (1 - wick), close) for close, wick in zip(closes, wicks, strict=True)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bars=any_bars())
def test_any_prices(tally: Any, bars: Bars) -> None:
    check(tally, bars, is_exact=True, is_talib=True)


def test_talib_took_part() -> None:
    if talib is None:
        pytest.skip("TA-Lib or numpy is not installed: only the independent reference was compared")


def test_a_flat_series_has_a_neutral_rsi() -> None:
    rsi = RSI(PERIOD)
    for _ in range(1000):
        assert rsi.update(2000.0) == 50.0


# Recorded bars ----------------------------------------------------------------------------------------------------


def recorded_files() -> list[Any]:
    data = os.environ.get("SUPREME_DATA_DIR")
    if not data:
        skip = pytest.mark.skip(reason="SUPREME_DATA_DIR is not set: no recorded bars at hand")
        return [pytest.param(None, id="recorded bars", marks=skip)]
    files = sorted((Path(data) / "bars_1m").glob("*.csv.gz"))
    if not files:
        return [pytest.param(None, id="no file in bars_1m")]  # set but empty: that is a fault, not a skip
    return [pytest.param(file, id=file.name.removesuffix(".csv.gz")) for file in files]


@pytest.mark.parametrize("file", recorded_files())
def test_recorded_bars(tally: Any, file: Path | None) -> None:
    assert file is not None, "SUPREME_DATA_DIR holds no bars_1m/*.csv.gz"
    with gzip.open(file, "rt", encoding="ascii") as lines:
        bars = [(float(row["high"]), float(row["low"]), float(row["close"])) for row in csv.DictReader(lines)]
    assert len(bars) > 40_000
    check(tally, bars, is_exact=False, is_talib=True)
