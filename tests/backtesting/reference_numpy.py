"""The scalping rule and its risk rules once more, on whole columns with numpy: written from the specification alone.

What that leaves open is decided here as the house does, with its reason: a position is sized at the worst price that
its entry (IOC, best price +- 5 bp) may pay, so that no fill can pass a cap; a stop lies on the near tick, a target on
the far one; a trade of exactly nothing is neither a win nor a loss.

It shares no code with the package. Fills are the simplest: the whole quantity at the close of the bar that brought the
signal, no cost, no latency; stop and target at their own prices, a stop that the open has passed at that open, the stop
before the target where both lie in one bar; a timeout at the close of the first bar that ends when it is due or later.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

E8 = 100_000_000
EMA, RSI, ATR = 14, 14, 14
FAST, SLOW, SIGNAL = 12, 26, 9
CONFIRM = 10
BUFFER = 200
OVERSOLD, OVERBOUGHT = 30.0, 70.0
SIZE = 0.02
STOP, TARGET = 0.01, 0.02
SLIPPAGE = 0.0005
TIMEOUT_MS = 15 * 60_000
NOTIONAL_MAX_E8 = 1_000 * E8
KELLY_FROM, KELLY_LAST = 30, 100
LONG, SHORT = 1, -1


class Bars(NamedTuple):
    """Columns; prices and volumes in 1e-8 units."""

    open_ms: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints


class Venue(NamedTuple):
    """What the instrument and the market allow."""

    tick_e8: int
    step_e8: int
    notional_min_e8: int
    has_shorts: bool


class Trip(NamedTuple):
    """One round trip: the bars (by number) of entry and exit."""

    side: int
    entry_bar: int
    exit_bar: int
    quantity_e8: int
    entry_e8: int
    exit_e8: int
    net_e8: float
    reason: str


def read_bars(path: Path) -> Bars:
    """A file of data/bars_1m."""
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1, usecols=range(5), dtype=np.float64)
    units = [np.rint(table[:, column] * 1e8).astype(np.int64) for column in range(1, 5)]
    return Bars(table[:, 0].astype(np.int64), *units)


# Indicators, TA-Lib's convention: nan until there is one ------------------------------------------------------------


def smoothed(values: Floats, first: int, period: int, weight: float) -> Floats:
    """An exponential average that begins at ``first`` with the mean of the ``period`` values up to there."""
    out = np.full(len(values), np.nan)
    if len(values) > first:
        seed = values[first + 1 - period : first + 1].mean()
        step: Any = np.frompyfunc(lambda mean, value: mean + weight * (value - mean), 2, 1)
        out[first:] = step.accumulate(np.concatenate(([seed], values[first + 1 :])), dtype=object).astype(np.float64)
    return out


def ema(values: Floats, period: int, first: int) -> Floats:
    return smoothed(values, first, period, 2.0 / (period + 1.0))


def wilder(values: Floats, period: int, first: int) -> Floats:
    return smoothed(values, first, period, 1.0 / period)


def rsi(close: Floats) -> Floats:
    """100 x mean gain / (mean gain + mean loss); 50 where nothing moved."""
    change = np.diff(close, prepend=close[0])
    gain = wilder(np.maximum(change, 0.0), RSI, RSI)
    loss = wilder(np.maximum(-change, 0.0), RSI, RSI)
    total = gain + loss
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total == 0.0, 50.0, 100.0 * gain / total)


def histogram(close: Floats) -> Floats:
    """MACD minus its signal line; the fast average is seeded where the slow one is."""
    first = SLOW - 1
    line = ema(close, FAST, first) - ema(close, SLOW, first)
    return line - ema(line, SIGNAL, first + SIGNAL - 1)


def atr(high: Floats, low: Floats, close: Floats) -> Floats:
    before = np.concatenate((close[:1], close[:-1]))
    true_range = np.maximum(high, before) - np.minimum(low, before)
    return wilder(true_range, ATR, ATR)


def rolling(values: Floats, length: int, least: bool) -> Floats:
    """The least (or greatest) of the last ``length`` values, of fewer at the beginning."""
    padding = np.full(length - 1, np.inf if least else -np.inf)
    window = sliding_window_view(np.concatenate((padding, values)), length)
    return np.asarray(window.min(axis=1) if least else window.max(axis=1), dtype=np.float64)


# The rule ---------------------------------------------------------------------------------------------------------


class Rule(NamedTuple):
    """Signals (+1, -1, 0), confidence and volatility scaler at every bar's close."""

    signal: Ints
    confidence: Floats
    scaler: Floats


def rule(bars: Bars) -> Rule:
    """From the bars to what the strategy says at each close."""
    close, high, low = (column / 1e8 for column in (bars.close, bars.high, bars.low))
    average, strength, push, volatility = ema(close, EMA, EMA - 1), rsi(close), histogram(close), atr(high, low, close)
    is_warm = ~np.isnan(push)  # the last of them to be there
    known = np.where(is_warm, strength, np.nan)
    lowest = rolling(np.where(is_warm, known, np.inf), CONFIRM, True)
    highest = rolling(np.where(is_warm, known, -np.inf), CONFIRM, False)
    with np.errstate(invalid="ignore"):
        is_long = is_warm & (close > average) & (lowest < OVERSOLD) & (push > 0.0)
        is_short = is_warm & (close < average) & (highest > OVERBOUGHT) & (push < 0.0)
    signal = np.where(rises(is_long), LONG, np.where(rises(is_short), SHORT, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = np.where(signal == LONG, (OVERSOLD - lowest) / 30.0, (highest - OVERBOUGHT) / 30.0)
        force = np.minimum(1.0, np.abs(push) / volatility)
        confidence = np.minimum(1.0, 0.5 + 0.25 * depth + 0.25 * force)
        share = volatility / close
    return Rule(signal, confidence, scalers(share))


def rises(flags: Flags) -> Flags:
    """Where a condition turns from false to true: it fires once, and is armed again by a bar where it is false."""
    return flags & ~np.concatenate(([False], flags[:-1]))


def scalers(share: Floats) -> Floats:
    """clamp(median ATR% of the buffer / ATR% now, 0.25, 1)"""
    padded = np.concatenate((np.full(BUFFER - 1, np.nan), share))
    with np.errstate(invalid="ignore"):
        windows = sliding_window_view(padded, BUFFER)
        median = np.array([np.median(row[~np.isnan(row)]) if not np.isnan(row[-1]) else np.nan for row in windows])
        return np.clip(median / share, 0.25, 1.0)


# The trades -------------------------------------------------------------------------------------------------------


def trips(bars: Bars, venue: Venue, balance_e8: int) -> list[Trip]:
    """One position at a time: an opposite signal closes and does not turn, a like one is refused."""
    said = rule(bars)
    done: list[Trip] = []
    equity_e8 = float(balance_e8)
    at = 0
    for bar in np.flatnonzero(said.signal):
        side = int(said.signal[bar])
        if bar < at or (side == SHORT and not venue.has_shorts):
            continue
        fraction = kelly([trip.net_e8 for trip in done[-KELLY_LAST:]]) * said.confidence[bar] * said.scaler[bar]
        entry_e8 = int(bars.close[bar])
        notional_e8 = min(equity_e8 * fraction, float(NOTIONAL_MAX_E8))
        slip_e8 = int(entry_e8 * SLIPPAGE) // venue.tick_e8 * venue.tick_e8
        worst_e8 = entry_e8 + slip_e8 if side == LONG else entry_e8
        quantity_e8 = int(notional_e8 * E8 / worst_e8) // venue.step_e8 * venue.step_e8
        limit_e8 = entry_e8 + side * slip_e8
        if quantity_e8 * limit_e8 // E8 < venue.notional_min_e8 or quantity_e8 == 0:
            continue
        exit_bar, exit_e8, reason = way_out(bars, said.signal, int(bar), side, entry_e8, venue)
        if not reason:
            break  # open at the end
        net_e8 = side * quantity_e8 * (exit_e8 - entry_e8) / E8
        done.append(Trip(side, int(bar), exit_bar, quantity_e8, entry_e8, exit_e8, net_e8, reason))
        equity_e8 += net_e8
        at = exit_bar + (reason == "signal")  # the signal that closed is used up
    return done


def kelly(results: list[float]) -> float:
    """The share of equity: the cap, or less once the results show less."""
    if len(results) < KELLY_FROM:
        return SIZE
    wins = [one for one in results if one > 0.0]
    losses = [-one for one in results if one < 0.0]
    won = len(wins) / len(results)
    if not losses:
        half = 0.5 * won
    elif not wins:
        half = 0.0
    else:
        half = 0.5 * (won - (1.0 - won) / (np.mean(wins) / np.mean(losses)))
    return min(SIZE, max(SIZE / 4.0, float(half)))


def way_out(bars: Bars, signal: Ints, entry_bar: int, side: int, entry_e8: int, venue: Venue) -> tuple[int, int, str]:
    """The bar, price and reason of the exit; no reason where the data ends first."""
    stop_e8 = on_tick(entry_e8 * (1.0 - side * STOP), venue, side)
    target_e8 = on_tick(entry_e8 * (1.0 + side * TARGET), venue, side)
    entered_ms = int(bars.open_ms[entry_bar]) + 60_000
    ends_ms = bars.open_ms[entry_bar + 1 :] + 60_000
    last = entry_bar + 1 + int(np.searchsorted(ends_ms, entered_ms + TIMEOUT_MS))  # the bar of the timeout
    span = slice(entry_bar + 1, min(last + 1, len(bars.close)))
    opens, worst = bars.open[span], bars.low[span] if side == LONG else bars.high[span]
    best = bars.high[span] if side == LONG else bars.low[span]
    stopped = side * (worst - stop_e8) <= 0
    reached = side * (best - target_e8) >= 0
    against = signal[span] == -side
    first = np.flatnonzero(stopped | reached | against)
    if len(first) == 0:
        return (last, int(bars.close[last]), "timeout") if last < len(bars.close) else (0, 0, "")
    at = int(first[0])
    if stopped[at]:
        is_gap = side * (int(opens[at]) - stop_e8) <= 0
        return entry_bar + 1 + at, int(opens[at]) if is_gap else stop_e8, "stop"
    if reached[at]:
        return entry_bar + 1 + at, target_e8, "target"
    if entry_bar + 1 + at == last:
        return last, int(bars.close[last]), "timeout"
    return entry_bar + 1 + at, int(bars.close[entry_bar + 1 + at]), "signal"


def on_tick(price_e8: float, venue: Venue, side: int) -> int:
    """Up for a long position, down for a short one."""
    ticks = round(price_e8, 0) / venue.tick_e8
    return (math.ceil(ticks) if side == LONG else math.floor(ticks)) * venue.tick_e8
