"""All that a report shows, worked out once: the terminal's table, the page and the files are made of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from supreme_system_v5.backtesting.report.metrics import Metrics, TradeFigures, metrics_of, net_bps, trade_figures
from supreme_system_v5.backtesting.report.returns import HOUR_NS
from supreme_system_v5.backtesting.report.verdict import Verdict, verdict_of
from supreme_system_v5.backtesting.results import BacktestResult, RoundTrip
from supreme_system_v5.core.domain.order import BUY

BINS_MAX: Final = 40
STEPS: Final = (1, 2, 2.5, 5, 10)  # of a bin's width, times a power of ten


@dataclass(frozen=True)
class Group:
    """The trades that share a name (an exit reason, an hour of the day, a side) and their figures."""

    name: str
    figures: TradeFigures


@dataclass(frozen=True)
class Bin:
    """Trades with a net result in [low_bps, high_bps); the outer bins are open where an end is None."""

    low_bps: float | None
    high_bps: float | None
    count: int


@dataclass(frozen=True)
class Report:
    """A result with its figures."""

    result: BacktestResult
    metrics: Metrics
    verdict: Verdict
    by_exit: tuple[Group, ...]
    by_entry: tuple[Group, ...]
    by_side: tuple[Group, ...]
    by_hour: tuple[Group, ...]  # of the entry, UTC, all 24
    bins: tuple[Bin, ...]


def build_report(result: BacktestResult) -> Report:
    """The figures of a finished run; about a second for 100,000 trades (the bootstrap)."""
    metrics = metrics_of(result)
    by_hour = {group.name: group for group in grouped(result.trades, entry_hour)}
    return Report(
        result=result,
        metrics=metrics,
        verdict=verdict_of(result, metrics),
        by_exit=grouped(result.trades, lambda trade: trade.exit_reason),
        by_entry=grouped(result.trades, lambda trade: trade.entry_reason),
        by_side=grouped(result.trades, lambda trade: "LONG" if trade.side == BUY else "SHORT"),
        by_hour=tuple(
            by_hour.get(name, Group(name, trade_figures(()))) for name in (f"{hour:02d}" for hour in range(24))
        ),
        bins=histogram([value for trade in result.trades if (value := net_bps(trade)) is not None]),
    )


def entry_hour(trade: RoundTrip) -> str:
    """Hour of the day of the entry, UTC, two digits."""
    return f"{trade.opened_ns // HOUR_NS % 24:02d}"


def grouped(trades: Sequence[RoundTrip], name_of: Callable[[RoundTrip], str]) -> tuple[Group, ...]:
    """Groups by name, the one with the most trades first, then by name."""
    found: dict[str, list[RoundTrip]] = {}
    for trade in trades:
        found.setdefault(name_of(trade), []).append(trade)
    groups = [Group(name, trade_figures(members)) for name, members in found.items()]
    return tuple(sorted(groups, key=lambda group: (-group.figures.count, group.name)))


def histogram(values: Sequence[float]) -> tuple[Bin, ...]:
    """Bins of a round width with an edge at 0, by the rule of Freedman and Diaconis, at most BINS_MAX and two.

    The middle 99 % are spread over them; what lies further out is counted in two open bins.
    """
    if not values:
        return ()
    ordered = sorted(values)
    low, high = _quantile(ordered, 0.005), _quantile(ordered, 0.995)
    spread = _quantile(ordered, 0.75) - _quantile(ordered, 0.25)
    width = _round_width(max(2 * spread / math.pow(len(ordered), 1 / 3), (high - low) / (BINS_MAX - 2)))
    first, last = math.floor(low / width), math.floor(high / width)
    counts = [0] * (last - first + 1)
    below = above = 0
    for value in ordered:
        at = math.floor(value / width)
        if at < first:
            below += 1
        elif at > last:
            above += 1
        else:
            counts[at - first] += 1
    bins = [Bin((first + n) * width, (first + n + 1) * width, number) for n, number in enumerate(counts)]
    if below:
        bins.insert(0, Bin(None, first * width, below))
    if above:
        bins.append(Bin((last + 1) * width, None, above))
    return tuple(bins)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _round_width(width: float) -> float:
    """The next 1, 2, 2.5 or 5 times a power of ten; 1 where all values are equal."""
    if not width > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in STEPS if step * power >= width)
