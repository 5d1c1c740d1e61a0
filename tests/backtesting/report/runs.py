"""Finished backtests for the report's tests: a small rule on generated or recorded bars, and a fixed one by hand."""

from __future__ import annotations

import csv
import gzip
import hashlib
import random
from pathlib import Path
from typing import NamedTuple

from supreme_system_v5.backtesting.results import (
    BARS,
    BacktestResult,
    Candle,
    DataSource,
    EquityPoint,
    RoundTrip,
)
from supreme_system_v5.core.domain.money import divide_half_even, multiply_e8, parse_e8
from supreme_system_v5.core.domain.order import BUY, SELL

MINUTE_MS = 60_000
START_MS = 1_722_003_360_000  # 2024-07-26 14:16 UTC
INITIAL_E8 = 10_000 * 10**8
POINTS_MAX = 2_000
FEE_BPS, HALF_SPREAD_E8, SLIPPAGE_E8 = 5, 500_000, 1_000_000
UNKNOWN = [
    "The order of the prices inside a bar: where stop and target both lie in it, the stop is taken.",
    "The spread and the depth of the book: a stated model stands for them.",
    "Whether an order of this size would have moved the market.",
]
MODEL = {
    "fills": "next bar's open, a gap fills at the open",
    "latency": "50 ms",
    "spread": "0.01 USDT, constant",
    "slippage": "0.01 USDT a fill",
    "fees": "taker 0.05 %",
}


class Bars(NamedTuple):
    """Columns in ms and 1e-8 units."""

    open_ms: list[int]
    open_e8: list[int]
    high_e8: list[int]
    low_e8: list[int]
    close_e8: list[int]
    volume_e8: list[int]


def random_bars(count: int, seed: int = 7, start_ms: int = START_MS) -> Bars:
    """A random walk of 1-minute bars around 3,200: no edge in it."""
    chance, price = random.Random(seed), 3_200.0
    bars = Bars([], [], [], [], [], [])
    for number in range(count):
        opened = price
        path = [opened, *((price := price * (1 + chance.gauss(0, 0.0004))) for _ in range(4))]
        row = [round(value * 100) * 10**6 for value in (path[0], max(path), min(path), path[-1])]
        for column, value in zip(bars[1:5], row, strict=True):
            column.append(value)
        bars.open_ms.append(start_ms + number * MINUTE_MS)
        bars.volume_e8.append(round(abs(chance.gauss(0, 120)) * 10**8))
    return bars


def read_bars(path: Path) -> Bars:
    """A file of recorded bars: open_ms,open,high,low,close,volume."""
    bars = Bars([], [], [], [], [], [])
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            bars.open_ms.append(int(row["open_ms"]))
            for column, name in zip(bars[1:], ("open", "high", "low", "close", "volume"), strict=True):
                column.append(parse_e8(row[name]))
    return bars


def trade_of(
    number: int, side: int, opened_ms: int, closed_ms: int, entry_e8: int, exit_e8: int, reason: str
) -> RoundTrip:
    """One round trip of about 200 quote units, with its costs."""
    quantity_e8 = divide_half_even(200 * 10**8 * 10**8, entry_e8) // 10**4 * 10**4
    gross_e8 = multiply_e8((exit_e8 - entry_e8) * side, quantity_e8)
    fees_e8 = multiply_e8(entry_e8 + exit_e8, quantity_e8) * FEE_BPS // 10_000
    crossed = (closed_ms // 28_800_000) - (opened_ms // 28_800_000)
    funding_e8 = -side * crossed * multiply_e8(entry_e8, quantity_e8) // 10_000
    return RoundTrip(
        number=number,
        side=side,
        opened_ns=opened_ms * 10**6,
        closed_ns=closed_ms * 10**6,
        quantity_e8=quantity_e8,
        entry_price_e8=entry_e8,
        exit_price_e8=exit_e8,
        gross_e8=gross_e8,
        fees_e8=fees_e8,
        funding_e8=funding_e8,
        net_e8=gross_e8 - fees_e8 + funding_e8,
        exit_reason=reason,
        spread_e8=multiply_e8(2 * HALF_SPREAD_E8, quantity_e8),
        slippage_e8=multiply_e8(2 * SLIPPAGE_E8, quantity_e8),
        entry_reason="far from its mean" if side == BUY else "above its mean",
    )


def run_rule(
    bars: Bars, distance: float = 0.004, hold: int = 15, trades_max: int = 10**9, gap: int = 1
) -> BacktestResult:
    """Against the move: enter when the close is ``distance`` off the mean of 30; stop 1 %, target 0.8 %, timeout."""
    trades: list[RoundTrip] = []
    equity: list[EquityPoint] = []
    done_e8, mean, opened, side, entry_e8, wait = INITIAL_E8, bars.close_e8[0] / 1.0, 0, 0, 0, 30
    for n in range(1, len(bars.open_ms)):
        close_e8 = bars.close_e8[n]
        if side:
            stop_e8, target_e8 = round(entry_e8 * (1 - side * 0.01)), round(entry_e8 * (1 + side * 0.008))
            is_stop = bars.low_e8[n] <= stop_e8 if side == BUY else bars.high_e8[n] >= stop_e8
            is_target = bars.high_e8[n] >= target_e8 if side == BUY else bars.low_e8[n] <= target_e8
            if is_stop or is_target or n - opened >= hold:
                reason = "stop" if is_stop else "target" if is_target else "timeout"
                exit_e8 = stop_e8 if is_stop else target_e8 if is_target else close_e8
                closed_ms = bars.open_ms[n] + 30_000
                number = len(trades) + 1
                trades.append(trade_of(number, side, bars.open_ms[opened], closed_ms, entry_e8, exit_e8, reason))
                done_e8, side, wait = done_e8 + trades[-1].net_e8, 0, gap
        elif wait > 0:
            wait -= 1
        elif len(trades) < trades_max and abs(close_e8 / mean - 1) >= distance and n + 1 < len(bars.open_ms):
            side, opened, entry_e8 = (BUY if close_e8 < mean else SELL), n + 1, bars.open_e8[n + 1]
        mean += (close_e8 - mean) / 30
        position_e8 = side * (200 * 10**16 // entry_e8) if side and n >= opened else 0
        open_e8 = multiply_e8(close_e8 - entry_e8, position_e8) if position_e8 else 0
        equity.append(EquityPoint((bars.open_ms[n] + MINUTE_MS) * 10**6, done_e8 + open_e8, close_e8, position_e8))
    return _result(bars, trades, equity, entry_e8)


def _result(bars: Bars, trades: list[RoundTrip], equity: list[EquityPoint], entry_e8: int) -> BacktestResult:
    last = equity[-1]
    text = "\n".join(f"{a},{b}" for a, b in zip(bars.open_ms, bars.close_e8, strict=True))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    step = -(-len(bars.open_ms) // POINTS_MAX)
    return BacktestResult(
        granularity=BARS,
        market="usdm",
        symbol="ETH-USDT",
        strategy="against_the_move",
        core="pure",
        from_ns=bars.open_ms[0] * 10**6,
        to_ns=(bars.open_ms[-1] + MINUTE_MS) * 10**6,
        initial_e8=INITIAL_E8,
        final_equity_e8=last.equity_e8,
        digest=hashlib.sha256(sha256.encode()).hexdigest(),
        bar_seconds=60,
        sources=[DataSource("generated_bars.csv.gz", len(bars.open_ms), sha256)],
        settings={"STRATEGY": "against_the_move", "POSITION_SIZE_PCT": "0.02", "STOP_LOSS_PCT": "0.01", "SEED": "42"},
        trades=trades,
        equity=[*equity[step - 1 : -1 : step], last],
        candles=_fold(bars, step),
        candle_seconds=60 * step,
        events=len(bars.open_ms),
        signals=len(trades) + 11,
        refusals={"cool_down": 8, "spread": 3},
        skip_ratio=0.71,
        fees_e8=sum(trade.fees_e8 for trade in trades),
        funding_e8=sum(trade.funding_e8 for trade in trades),
        open_position_e8=last.position_e8,
        open_entry_e8=entry_e8 if last.position_e8 else 0,
        first_mark_e8=bars.open_e8[0],
        last_mark_e8=last.mark_e8,
        unknown=list(UNKNOWN),
        model=dict(MODEL),
        elapsed_seconds=0.42,
    )


def _fold(bars: Bars, step: int) -> list[Candle]:
    return [
        Candle(
            bars.open_ms[at],
            bars.open_e8[at],
            max(bars.high_e8[at : at + step]),
            min(bars.low_e8[at : at + step]),
            bars.close_e8[at : at + step][-1],
            sum(bars.volume_e8[at : at + step]),
        )
        for at in range(0, len(bars.open_ms), step)
    ]


def small_run(trades: int = 3, days: int = 3) -> BacktestResult:
    """A few trades on generated bars, quickly."""
    return run_rule(random_bars(days * 1_440), trades_max=trades)
