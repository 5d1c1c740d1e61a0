"""Every figure of a finished backtest, by the field's conventions (`returns.py` states those of the curve).

Of trades: a win is a net result above 0, a loss one below 0; "net" is after fees, spread, slippage and funding. Profit
factor = sum of wins / sum of losses. Expectancy = mean net result of a trade, in quote and in bps (1e-4) of the entry's
notional (entry price x quantity). Sources: Van Tharp, "Trade Your Way to Financial Freedom" (expectancy); J. Schwager,
"Market Wizards" (profit factor); freqtrade and backtesting.py report the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from supreme_system_v5.backtesting.report import returns as series
from supreme_system_v5.backtesting.report.returns import Drawdown, Point
from supreme_system_v5.backtesting.results import BacktestResult, RoundTrip
from supreme_system_v5.core.domain.money import divide_half_even, multiply_e8


@dataclass(frozen=True)
class TradeFigures:
    """Of a set of trades. None: no trade to take it from (or, for ``profit_factor``, none that lost)."""

    count: int
    wins: int
    losses: int
    net_e8: int
    gross_e8: int
    fees_e8: int
    funding_e8: int
    spread_e8: int
    slippage_e8: int
    win_rate: float | None
    profit_factor: float | None
    expectancy_e8: int | None
    expectancy_bps: float | None
    mean_win_e8: int | None
    mean_loss_e8: int | None
    best_e8: int | None
    worst_e8: int | None
    losing_streak: int
    held_mean_ns: int | None


@dataclass(frozen=True)
class CurveFigures:
    """Of one curve of values (equity, or buy and hold); see `returns.py`."""

    total_return: float | None
    annualised_return: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    drawdown: Drawdown


@dataclass(frozen=True)
class Costs:
    """Where the result went: before_e8 - fees - spread - slippage + funding = net, of the closed trades.

    ``before_e8`` is what the trades would have made at the mid price and for free. ``share`` is all costs over it, None
    when it is not above 0. ``other_e8`` is what the final equity has beyond the closed trades: the open position, dust.
    """

    before_e8: int
    fees_e8: int
    spread_e8: int
    slippage_e8: int
    funding_e8: int
    net_e8: int
    other_e8: int
    share: float | None


@dataclass(frozen=True)
class Metrics:
    """The figures of a run. ``period_ns`` is the period of the returns behind the ratios.

    ``exposure`` is the share of the run's time with a position. ``turnover`` is all notional bought and sold over the
    mean equity. ``hold`` is the whole balance in the asset from the first to the last price, free of costs.
    """

    period_ns: int
    periods: int
    curve: CurveFigures
    hold: CurveFigures | None
    trades: TradeFigures
    costs: Costs
    exposure: float | None
    turnover: float | None


def notional_e8(trade: RoundTrip) -> int:
    """Entry price x quantity, in quote units."""
    return multiply_e8(trade.entry_price_e8, trade.quantity_e8)


def net_bps(trade: RoundTrip) -> float | None:
    """The net result in 1e-4 of the entry's notional; None for a trade of no size."""
    size = notional_e8(trade)
    return trade.net_e8 / size * 10_000.0 if size > 0 else None


def trade_figures(trades: Sequence[RoundTrip]) -> TradeFigures:
    """The figures of these trades, in their order (it matters for the losing streak alone)."""
    wins = [trade.net_e8 for trade in trades if trade.net_e8 > 0]
    losses = [trade.net_e8 for trade in trades if trade.net_e8 < 0]
    nets = [trade.net_e8 for trade in trades]
    bps = [value for trade in trades if (value := net_bps(trade)) is not None]
    count = len(trades)
    return TradeFigures(
        count=count,
        wins=len(wins),
        losses=len(losses),
        net_e8=sum(nets),
        gross_e8=sum(trade.gross_e8 for trade in trades),
        fees_e8=sum(trade.fees_e8 for trade in trades),
        funding_e8=sum(trade.funding_e8 for trade in trades),
        spread_e8=sum(trade.spread_e8 for trade in trades),
        slippage_e8=sum(trade.slippage_e8 for trade in trades),
        win_rate=len(wins) / count if count else None,
        profit_factor=sum(wins) / -sum(losses) if losses else None,
        expectancy_e8=mean_e8(nets),
        expectancy_bps=series.mean(bps) if bps else None,
        mean_win_e8=mean_e8(wins),
        mean_loss_e8=mean_e8(losses),
        best_e8=max(nets, default=None),
        worst_e8=min(nets, default=None),
        losing_streak=_losing_streak(nets),
        held_mean_ns=mean_e8([trade.closed_ns - trade.opened_ns for trade in trades]),
    )


def mean_e8(values: Sequence[int]) -> int | None:
    """The mean of whole numbers, rounded half to even; None of nothing."""
    return divide_half_even(sum(values), len(values)) if values else None


def _losing_streak(nets: Sequence[int]) -> int:
    longest = now = 0
    for net_e8 in nets:
        now = now + 1 if net_e8 < 0 else 0
        longest = max(longest, now)
    return longest


def curve_figures(points: Sequence[Point], first_e8: int, from_ns: int, to_ns: int) -> CurveFigures:
    """The figures of one curve that stands at ``first_e8`` at ``from_ns``; points in time order, values in 1e-8."""
    span_ns = to_ns - from_ns
    period_ns = series.choose_period_ns(span_ns)
    last_e8 = points[-1][1] if points else first_e8
    fall = series.drawdown(points, from_ns, to_ns, first_e8)
    total = series.total_return(first_e8, last_e8)
    is_long = span_ns >= series.ANNUALISE_FROM_NS
    yearly = series.annualised_return(total, span_ns / series.YEAR_NS) if is_long else None
    returns = series.returns_of(series.sample(points, from_ns, to_ns, period_ns, first_e8)) or []
    if len(returns) < series.PERIODS_MIN:
        returns = []
    periods_a_year = series.YEAR_NS / period_ns
    return CurveFigures(
        total_return=total,
        annualised_return=yearly,
        volatility=series.volatility(returns, periods_a_year),
        sharpe=series.sharpe(returns, periods_a_year),
        sortino=series.sortino(returns, periods_a_year),
        calmar=series.calmar(yearly, fall.depth),
        drawdown=fall,
    )


def metrics_of(result: BacktestResult) -> Metrics:
    """All figures of a run. Any result has them: no trade, no equity point and an open position included."""
    span_ns = result.to_ns - result.from_ns
    points = [(point.time_ns, point.equity_e8) for point in result.equity]
    if not points or points[-1][1] != result.final_equity_e8:
        points.append((result.to_ns, result.final_equity_e8))
    trades = trade_figures(result.trades)
    period_ns = series.choose_period_ns(span_ns)
    return Metrics(
        period_ns=period_ns,
        periods=len(series.sample((), result.from_ns, result.to_ns, period_ns, 0)) - 1,
        curve=curve_figures(points, result.initial_e8, result.from_ns, result.to_ns),
        hold=_hold(result),
        trades=trades,
        costs=_costs(result, trades),
        exposure=_exposure(result),
        turnover=_turnover(result),
    )


def _hold(result: BacktestResult) -> CurveFigures | None:
    if result.first_mark_e8 <= 0 or result.last_mark_e8 <= 0:
        return None
    marks = [(point.time_ns, point.mark_e8) for point in result.equity if point.mark_e8 > 0]
    if not marks or marks[-1][1] != result.last_mark_e8:
        marks.append((result.to_ns, result.last_mark_e8))
    return curve_figures(marks, result.first_mark_e8, result.from_ns, result.to_ns)


def _costs(result: BacktestResult, trades: TradeFigures) -> Costs:
    before_e8 = trades.gross_e8 + trades.spread_e8 + trades.slippage_e8
    return Costs(
        before_e8=before_e8,
        fees_e8=trades.fees_e8,
        spread_e8=trades.spread_e8,
        slippage_e8=trades.slippage_e8,
        funding_e8=trades.funding_e8,
        net_e8=trades.net_e8,
        other_e8=result.final_equity_e8 - result.initial_e8 - trades.net_e8,
        share=(before_e8 - trades.net_e8) / before_e8 if before_e8 > 0 else None,
    )


def _exposure(result: BacktestResult) -> float | None:
    span_ns = result.to_ns - result.from_ns
    if span_ns <= 0:
        return None
    spans = sorted(
        (max(trade.opened_ns, result.from_ns), min(trade.closed_ns, result.to_ns)) for trade in result.trades
    )
    if result.open_position_e8:
        spans.append((_open_since_ns(result), result.to_ns))
    held_ns, covered_to_ns = 0, result.from_ns
    for opened_ns, closed_ns in spans:
        held_ns += max(0, closed_ns - max(opened_ns, covered_to_ns))
        covered_to_ns = max(covered_to_ns, closed_ns)
    return held_ns / span_ns


def _open_since_ns(result: BacktestResult) -> int:
    """When the position that is left was opened, as near as the equity points tell."""
    since_ns = result.to_ns
    for point in reversed(result.equity):
        if point.position_e8 == 0:
            break
        since_ns = point.time_ns
    return max(since_ns, max((trade.closed_ns for trade in result.trades), default=since_ns))


def _turnover(result: BacktestResult) -> float | None:
    traded_e8 = multiply_e8(abs(result.open_position_e8), result.open_entry_e8)
    for trade in result.trades:
        traded_e8 += notional_e8(trade) + multiply_e8(trade.exit_price_e8, trade.quantity_e8)
    equities = [point.equity_e8 for point in result.equity] or [result.initial_e8, result.final_equity_e8]
    middle_e8 = sum(equities) / len(equities)
    return traded_e8 / middle_e8 if middle_e8 > 0 else None
