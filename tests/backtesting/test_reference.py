"""The same rule written anew with numpy: the engine over bars, with the simplest fills, must agree with it.

Indicators, signals, stops, exits and results are computed from the file's columns alone (with TA-Lib's convention for
the indicators; only the quantities are the engine's), and compared to the bar and to 1e-9.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from supreme_system_v5.backtesting.models import FillModel
from supreme_system_v5.core.domain.parameters import Parameters
from tests.backtesting.series import BarRow, recorded_bars
from tests.backtesting.test_loop import BAR_FILES, bars_by_loop

np = pytest.importorskip("numpy", reason="numpy is the reference's arithmetic")

CONFIRM = 10
STOP, TARGET, TIMEOUT_BARS = 0.01, 0.02, 15
TICK = 0.01
# No limit of the risk manager may come between the rule and its trades.
PARAMETERS = Parameters(max_consecutive_losses=1_000, max_daily_drawdown_pct=0.99, max_exposure_pct=0.5)


class Deal(NamedTuple):
    """One trade: bar numbers of the signal and of the exit, prices, why it ended."""

    side: int
    entry_bar: int
    exit_bar: int
    entry: float
    exit: float
    reason: str


def ema(values: np.ndarray, period: int, start: int) -> np.ndarray:
    """Seeded with the mean of the ``period`` values that end at index ``start``; NaN before."""
    out = np.full(len(values), np.nan)
    out[start] = values[start - period + 1 : start + 1].mean()
    weight = 2.0 / (period + 1)
    for i in range(start + 1, len(values)):
        out[i] = out[i - 1] + weight * (values[i] - out[i - 1])
    return out


def wilder_rsi(close: np.ndarray, period: int) -> np.ndarray:
    moves = np.diff(close)
    gains, losses = np.maximum(moves, 0.0), np.maximum(-moves, 0.0)
    out = np.full(len(close), np.nan)
    gain, loss = gains[:period].mean(), losses[:period].mean()
    for i in range(period, len(close)):
        if i > period:
            gain += (gains[i - 1] - gain) / period
            loss += (losses[i - 1] - loss) / period
        out[i] = 50.0 if gain + loss == 0.0 else 100.0 * gain / (gain + loss)
    return out


def rule(close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the long and the short rule are true at a bar's close."""
    average, rsi = ema(close, 14, 13), wilder_rsi(close, 14)
    fast = ema(close, 12, 25)
    line = fast - ema(close, 26, 25)
    signal = np.full(len(close), np.nan)
    signal[25:] = ema(line[25:], 9, 8)
    histogram = line - signal
    warm = 33  # the signal line is the last to be seeded
    lows, highs = np.full(len(close), np.inf), np.full(len(close), -np.inf)
    for back in range(CONFIRM):
        shifted = np.full(len(close), np.nan)
        shifted[warm + back :] = rsi[warm : len(close) - back]
        lows, highs = np.fmin(lows, shifted), np.fmax(highs, shifted)
    with np.errstate(invalid="ignore"):
        is_long = (close > average) & (histogram > 0) & (lows < 30)
        is_short = (close < average) & (histogram < 0) & (highs > 70)
    is_long[:warm] = is_short[:warm] = False
    return is_long, is_short


def up(price: float) -> float:
    return round(np.ceil(round(price / TICK, 6)) * TICK, 2)


def down(price: float) -> float:
    return round(np.floor(round(price / TICK, 6)) * TICK, 2)


def deals(rows: list[BarRow]) -> list[Deal]:
    """What the rule does, bar by bar, as the documentation says it."""
    table = np.array(rows, dtype=np.int64)
    opens, highs, lows, closes = (table[:, i] / 1e8 for i in range(1, 5))
    ends_ms = table[:, 0] + 60_000
    is_long, is_short = rule(closes)
    found: list[Deal] = []
    armed = {1: True, -1: True}
    side, since, entry, stop, target = 0, 0, 0.0, 0.0, 0.0
    for bar in range(len(rows)):
        if side:
            done = exit_of(side, opens[bar], highs[bar], lows[bar], stop, target)
            if done is None and ends_ms[bar] >= ends_ms[since] + TIMEOUT_BARS * 60_000:
                done = closes[bar], "timeout"
            if done is not None:
                found.append(Deal(side, since, bar, entry, *done))
                side = 0
        wanted = 0
        for way, holds in ((1, is_long[bar]), (-1, is_short[bar])):
            if not holds:
                armed[way] = True
            elif armed[way] and not wanted:
                armed[way] = False
                wanted = way
        if wanted and not side:
            side, since, entry = wanted, bar, closes[bar]
            stop = up(entry * (1 - STOP)) if side > 0 else down(entry * (1 + STOP))
            target = up(entry * (1 + TARGET)) if side > 0 else down(entry * (1 - TARGET))
        elif wanted and wanted != side:
            found.append(Deal(side, since, bar, entry, closes[bar], "opposite_signal"))
            side = 0
    return found


def exit_of(side: int, opened: float, high: float, low: float, stop: float, target: float) -> tuple[float, str] | None:
    """The stop before the target; a gap at the open."""
    worst, best = (low, high) if side > 0 else (high, low)
    if side * (opened - stop) <= 0:
        return opened, "stop"
    if side * (opened - target) >= 0:
        return target, "target"
    if side * (worst - stop) <= 0:
        return stop, "stop"
    if side * (best - target) >= 0:
        return target, "target"
    return None


@pytest.mark.slow
@pytest.mark.parametrize("name", BAR_FILES)
def test_the_engine_agrees_with_the_reference(data_dir: Path, name: str) -> None:
    rows = recorded_bars(data_dir / "bars_1m" / f"{name}.csv.gz")
    # A balance so large that no size falls below the venue's minimum, whatever Kelly and volatility make of it.
    parameters = replace(PARAMETERS, initial_balance_e8=10**16, max_order_notional_e8=10**16)
    result = bars_by_loop(rows, parameters, FillModel(fills="simplest"))
    expected = deals(rows)
    number = {row[0] + 60_000: index for index, row in enumerate(rows)}
    opened_at = {row[0]: index for index, row in enumerate(rows)}
    reached = [
        (t.side, number[t.opened_ns // 10**6], t.exit_reason, t.entry_price_e8 / 1e8, t.exit_price_e8 / 1e8)
        for t in result.trades
    ]
    assert reached == [(d.side, d.entry_bar, d.reason, d.entry, d.exit) for d in expected]
    for trade, deal in zip(result.trades, expected, strict=True):
        closed_ms = trade.closed_ns // 10**6
        # A gap closes at the bar's open, which is the end of the bar before it.
        assert deal.exit_bar in (number.get(closed_ms), opened_at.get(closed_ms))
        assert trade.net_e8 / 1e8 == pytest.approx(
            deal.side * (deal.exit - deal.entry) * trade.quantity_e8 / 1e8, rel=1e-9, abs=1e-7
        )
    total = sum(t.net_e8 for t in result.trades) / 1e8
    assert result.refusals.keys() <= {"in_position"}
    assert len(expected) > 300
    assert total == pytest.approx(
        sum(d.side * (d.exit - d.entry) * t.quantity_e8 / 1e8 for d, t in zip(expected, result.trades, strict=True)),
        rel=1e-9,
    )
