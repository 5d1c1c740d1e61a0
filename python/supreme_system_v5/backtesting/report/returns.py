"""Figures of a series of values: returns, volatility, the ratios named after Sharpe, Sortino and Calmar, drawdown.

Conventions, the same everywhere in a report:

- a simple return a period, r = V1 / V0 - 1, from the curve sampled at the ends of UTC periods;
- 365 days a year, as the market never closes; the risk-free rate and the least acceptable return are 0;
- standard deviations with n - 1 in the denominator;
- None where a figure has no meaning (nothing varies, nothing was lost, too short), never NaN or infinity.

Sources: W. Sharpe, "The Sharpe Ratio", J. of Portfolio Management 1994; F. Sortino and R. van der Meer, "Downside
Risk", ibid. 1991; T. Young, "Calmar Ratio", Futures 1991; M. Magdon-Ismail and A. Atiya, "Maximum Drawdown", Risk 2004.
The tests check each against empyrical. Sums are `math.fsum`: the same digits on every machine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
YEAR_NS: Final = 365 * DAY_NS
PERIODS_MIN: Final = 30  # fewer returns than this say nothing about their spread
ANNUALISE_FROM_NS: Final = 30 * DAY_NS  # a shorter run is not raised to a year: it would be a fantasy figure
PERIOD_NAMES: Final = {DAY_NS: "day", HOUR_NS: "hour", MINUTE_NS: "minute"}

Point = tuple[int, int]  # (time in ns UTC, value in 1e-8)


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall from a peak. ``depth`` is negative (-0.05 = 5 % down), 0 when there was none.

    ``length_ns`` runs from that peak to its recovery, or to the end of the run where ``recovered_ns`` is None.
    ``longest_ns`` is the longest time under water of any fall, not only of the deepest.
    """

    depth: float
    amount_e8: int
    peak_ns: int
    trough_ns: int
    recovered_ns: int | None
    length_ns: int
    longest_ns: int


def choose_period_ns(span_ns: int) -> int:
    """The longest of day, hour and minute that gives at least PERIODS_MIN returns; a minute when none does."""
    for period_ns in PERIOD_NAMES:
        if span_ns >= PERIODS_MIN * period_ns:
            return period_ns
    return MINUTE_NS


def sample(points: Sequence[Point], start_ns: int, end_ns: int, period_ns: int, first_e8: int) -> list[int]:
    """Values at the start, at each UTC multiple of the period, and at the end: the last one known at that time.

    ``points`` are in time order; a point that lies exactly on a boundary belongs to the period that ends there.
    The first and the last period may be shorter than the others.
    """
    values, at, value = [first_e8], 0, first_e8
    boundary_ns = start_ns - start_ns % period_ns
    while boundary_ns < end_ns:
        boundary_ns = min(boundary_ns + period_ns, end_ns)
        while at < len(points) and points[at][0] <= boundary_ns:
            value = points[at][1]
            at += 1
        values.append(value)
    return values


def returns_of(values: Sequence[int]) -> list[float] | None:
    """Simple returns from one value to the next; None when a value is not above 0 (a return from nothing)."""
    if any(value <= 0 for value in values):
        return None
    return [after / before - 1.0 for before, after in itertools.pairwise(values)]


def total_return(first_e8: int, last_e8: int) -> float | None:
    """V_end / V_start - 1."""
    return last_e8 / first_e8 - 1.0 if first_e8 > 0 else None


def annualised_return(total: float | None, years: float) -> float | None:
    """Compound yearly growth: (1 + total) ^ (1 / years) - 1. None when all is lost, or out of any range."""
    if total is None or total <= -1.0 or years <= 0.0:
        return None
    exponent = math.log1p(total) / years
    return math.expm1(exponent) if exponent < 700.0 else None


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """Sample standard deviation, n - 1; 0 for fewer than two values."""
    if len(values) < 2 or min(values) == max(values):  # equal values: no rounding may make them differ
        return 0.0
    middle = mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def volatility(returns: Sequence[float], periods_a_year: float) -> float | None:
    """Yearly standard deviation of the returns: s x sqrt(periods a year)."""
    return deviation(returns) * math.sqrt(periods_a_year) if len(returns) >= 2 else None


def sharpe(returns: Sequence[float], periods_a_year: float) -> float | None:
    """Mean return over its standard deviation, times sqrt(periods a year); risk-free 0."""
    spread = deviation(returns)
    return mean(returns) / spread * math.sqrt(periods_a_year) if spread > 0.0 else None


def sortino(returns: Sequence[float], periods_a_year: float) -> float | None:
    """Mean return over the downside deviation sqrt(mean(min(r, 0)^2)), times sqrt(periods a year)."""
    if len(returns) < 2:
        return None
    downside = math.sqrt(math.fsum(min(value, 0.0) ** 2 for value in returns) / len(returns))
    return mean(returns) / downside * math.sqrt(periods_a_year) if downside > 0.0 else None


def calmar(annualised: float | None, depth: float) -> float | None:
    """Annualised return over the depth of the worst drawdown."""
    return annualised / -depth if annualised is not None and depth < 0.0 else None


def drawdown(points: Sequence[Point], start_ns: int, end_ns: int, first_e8: int) -> Drawdown:
    """The worst fall over all points (not over the sampled ones), beginning at ``first_e8``.

    A value equal to the peak is a recovery. Nothing falls from a peak that is not above 0.
    """
    peak_e8, peak_ns, is_under = first_e8, start_ns, False
    worst = Drawdown(0.0, 0, start_ns, start_ns, None, 0, 0)
    longest_ns, recovered_ns = 0, None
    for time_ns, value_e8 in points:
        if value_e8 >= peak_e8:
            if is_under:
                longest_ns = max(longest_ns, time_ns - peak_ns)
                if peak_ns == worst.peak_ns:
                    recovered_ns = time_ns
            peak_e8, peak_ns, is_under = value_e8, time_ns, False
            continue
        is_under = True
        depth = value_e8 / peak_e8 - 1.0 if peak_e8 > 0 else 0.0
        if depth < worst.depth:
            worst = Drawdown(depth, peak_e8 - value_e8, peak_ns, time_ns, None, 0, 0)
            recovered_ns = None
    if is_under:
        longest_ns = max(longest_ns, end_ns - peak_ns)
    if worst.depth == 0.0:
        return worst
    length_ns = (end_ns if recovered_ns is None else recovered_ns) - worst.peak_ns
    return replace(worst, recovered_ns=recovered_ns, length_ns=length_ns, longest_ns=longest_ns)
