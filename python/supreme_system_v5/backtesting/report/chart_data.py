"""What the page's charts and its list of trades are drawn from: bounded numbers for pixels, exact text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from supreme_system_v5.backtesting.report import words
from supreme_system_v5.backtesting.report.build import Bin, Group, Report
from supreme_system_v5.backtesting.report.metrics import net_bps
from supreme_system_v5.backtesting.report.terminal import cost_rows
from supreme_system_v5.backtesting.results import BacktestResult, Candle, EquityPoint, RoundTrip
from supreme_system_v5.core.domain.money import E8

CANDLES_MAX: Final = 2_000
POINTS_MAX: Final = 2_000
TRADES_MAX: Final = 8_000  # listed and drawn; trades.csv has all: with these the page stays below 3 MB
SHORT_LABELS: Final = {"net of closed trades": "net", "not in a closed trade": "open, dust"}
MS: Final = 1_000_000  # ns


def chart_data(report: Report) -> dict[str, Any]:
    """The page's data. Times are ms UTC."""
    result = report.result
    trades = result.trades[-TRADES_MAX:]
    reasons = list(dict.fromkeys(name for trade in trades for name in (trade.entry_reason, trade.exit_reason)))
    places = {name: at for at, name in enumerate(reasons)}
    return {
        "quote": words.quote_of(result.symbol),
        "from_ms": result.from_ns // MS,
        "to_ms": -(-result.to_ns // MS),
        "candles": _candles(fold_candles(result.candles, CANDLES_MAX), result),
        "equity": _equity(result),
        "bins": [_bin(item) for item in report.bins],
        "costs": [
            {
                "label": SHORT_LABELS.get(label, label),
                "value": round(value_e8 / E8, 6),
                "text": words.money(value_e8, 4, True),
                "is_total": label in ("before costs", "net of closed trades"),
            }
            for label, value_e8, _ in cost_rows(report)
        ],
        "hours": [_group(group, f"{group.name}:00 to {group.name}:59 UTC") for group in report.by_hour],
        "exits": [_group(group, group.name or "not named") for group in report.by_exit],
        "reasons": reasons,
        "trades": [_trade(trade, places) for trade in trades],
    }


def _trade(trade: RoundTrip, places: dict[str, int]) -> list[int | float | str]:
    return [
        trade.number,
        trade.side,
        trade.opened_ns // MS,
        trade.closed_ns // MS,
        words.money(trade.quantity_e8, 8).rstrip("0").rstrip("."),
        words.price(trade.entry_price_e8),
        words.price(trade.exit_price_e8),
        words.money(trade.gross_e8, 4),
        words.money(trade.fees_e8, 4),
        words.money(trade.funding_e8, 4),
        words.money(trade.net_e8, 4, True),
        round(net_bps(trade) or 0.0, 2),
        places[trade.entry_reason],
        places[trade.exit_reason],
    ]


def fold_candles(candles: Sequence[Candle], limit: int) -> list[Candle]:
    """Neighbours folded into one until there are at most ``limit``: no high and no low is lost."""
    step = -(-len(candles) // limit) or 1
    if step == 1:
        return list(candles)
    return [_folded(candles[at : at + step]) for at in range(0, len(candles), step)]


def _folded(part: Sequence[Candle]) -> Candle:
    return Candle(
        part[0].open_ms,
        part[0].open_e8,
        max(candle.high_e8 for candle in part),
        min(candle.low_e8 for candle in part),
        part[-1].close_e8,
        sum(candle.volume_e8 for candle in part),
    )


def _candles(candles: Sequence[Candle], result: BacktestResult) -> dict[str, Any]:
    return {
        "seconds": candle_seconds(result),
        "t": [candle.open_ms for candle in candles],
        "o": [_digits(candle.open_e8) for candle in candles],
        "h": [_digits(candle.high_e8) for candle in candles],
        "l": [_digits(candle.low_e8) for candle in candles],
        "c": [_digits(candle.close_e8) for candle in candles],
    }


def candle_seconds(result: BacktestResult) -> int:
    """Of one candle in the chart, after folding."""
    return result.candle_seconds * (-(-len(result.candles) // CANDLES_MAX) or 1)


def _digits(value_e8: int) -> float:
    """For a pixel: eight significant digits."""
    return float(f"{value_e8 / E8:.8g}")


def thin(points: Sequence[EquityPoint], limit: int) -> list[EquityPoint]:
    """At most ``limit`` points: of each stretch its lowest and its highest equity, and the very last point."""
    stretch = -(-2 * len(points) // limit) or 1
    if stretch <= 2:
        return list(points)
    found: list[EquityPoint] = []
    for at in range(0, len(points) - 1, stretch):
        part = points[at : min(at + stretch, len(points) - 1)]
        ends = {id(point): point for point in (min(part, key=_equity_of), max(part, key=_equity_of))}
        found += sorted(ends.values(), key=lambda point: point.time_ns)
    return [*found, points[-1]]


def _equity_of(point: EquityPoint) -> int:
    return point.equity_e8


def _equity(result: BacktestResult) -> dict[str, Any]:
    first = EquityPoint(result.from_ns, result.initial_e8, result.first_mark_e8, 0)
    points = [first, *thin(result.equity, POINTS_MAX)]
    has_hold = result.first_mark_e8 > 0
    equity = [point.equity_e8 / E8 for point in points]
    hold = [result.initial_e8 / E8 * point.mark_e8 / result.first_mark_e8 for point in points] if has_hold else []
    return {
        "t": [point.time_ns // MS for point in points],
        "equity": [float(f"{value:.9g}") for value in equity],
        "fall": _falls(equity),
        "hold": [float(f"{value:.7g}") for value in hold] or None,
        "hold_fall": _falls(hold) or None,
    }


def _falls(values: Sequence[float]) -> list[float]:
    """Drawdown in percent at each value."""
    peak, found = 0.0, []
    for value in values:
        peak = max(peak, value)
        found.append(round((value / peak - 1.0) * 100.0, 4) if peak > 0 else 0.0)
    return found


def bin_words(item: Bin) -> str:
    """What lies in a bin of the distribution."""
    if item.low_bps is None:
        return f"below {item.high_bps:,.4g} bps"
    if item.high_bps is None:
        return f"{item.low_bps:,.4g} bps and more"
    return f"{item.low_bps:,.4g} to {item.high_bps:,.4g} bps"


def _bin(item: Bin) -> dict[str, Any]:
    low, high = item.low_bps, item.high_bps
    label = f"< {high:,.4g}" if low is None else f"{low:,.4g}" if high is not None else f"\u2265 {low:,.4g}"
    return {"low": low, "high": high, "count": item.count, "label": label, "words": bin_words(item)}


def _group(group: Group, title: str) -> dict[str, Any]:
    figures = group.figures
    return {
        "name": group.name,
        "title": title,
        "count": figures.count,
        "net": round(figures.net_e8 / E8, 6),
        "net_text": words.money(figures.net_e8, 2, True),
        "win_rate": words.percent(figures.win_rate, False, 1),
    }
