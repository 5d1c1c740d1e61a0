"""A report as JSON and its trades as rows: money as exact decimal strings, times as ns UTC, ratios as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from supreme_system_v5.backtesting.report import words
from supreme_system_v5.backtesting.report.bootstrap import CONFIDENCE, RESAMPLES, SEED, Interval
from supreme_system_v5.backtesting.report.build import Group, Report
from supreme_system_v5.backtesting.report.metrics import CurveFigures, TradeFigures
from supreme_system_v5.backtesting.report.returns import PERIOD_NAMES
from supreme_system_v5.backtesting.results import BacktestResult, RoundTrip
from supreme_system_v5.core.domain.money import plain_e8

SCHEMA_VERSION: Final = 1
DIGITS: Final = 10  # of a ratio: the last bits of a float are nobody's business
TRADE_COLUMNS: Final = (
    "number",
    "side",
    "opened_utc",
    "opened_time_ns",
    "closed_utc",
    "closed_time_ns",
    "quantity",
    "entry_price",
    "exit_price",
    "gross",
    "fees",
    "funding",
    "net",
    "spread",
    "slippage",
    "entry_reason",
    "exit_reason",
    "is_simulated",
)


def report_document(report: Report) -> dict[str, Any]:
    """report.json: everything but the trades, which are in trades.json."""
    result, metrics, verdict = report.result, report.metrics, report.verdict
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "backtest",
        "strategy": result.strategy,
        "core": result.core,
        "digest": result.digest,
        "data": _data(result),
        "settings": dict(result.settings),
        "fill_model": dict(result.model),
        "not_known": list(result.unknown),
        "verdict": {
            "kind": verdict.kind,
            "headline": verdict.headline,
            "reasons": list(verdict.reasons),
            "caveats": list(verdict.caveats),
            "net_per_trade": _money_interval(verdict.money),
            "net_per_trade_bps": _interval(verdict.bps),
        },
        "result": _result(result),
        "period": {"name": PERIOD_NAMES[metrics.period_ns], "returns": metrics.periods, "days_a_year": 365},
        "equity": curve_document(metrics.curve),
        "buy_and_hold": curve_document(metrics.hold) if metrics.hold is not None else None,
        "trades": figures_document(metrics.trades),
        "exposure": number(metrics.exposure),
        "turnover": number(metrics.turnover),
        "costs": {
            "before_costs": plain_e8(metrics.costs.before_e8),
            "fees": plain_e8(metrics.costs.fees_e8),
            "spread": plain_e8(metrics.costs.spread_e8),
            "slippage": plain_e8(metrics.costs.slippage_e8),
            "funding": plain_e8(metrics.costs.funding_e8),
            "is_funding_known": result.is_funding_known,
            "net": plain_e8(metrics.costs.net_e8),
            "not_in_a_closed_trade": plain_e8(metrics.costs.other_e8),
            "share_of_gross": number(metrics.costs.share),
        },
        "by_exit_reason": _groups(report.by_exit),
        "by_entry_reason": _groups(report.by_entry),
        "by_side": _groups(report.by_side),
        "by_hour_utc": _groups([group for group in report.by_hour if group.figures.count]),
    }


def _data(result: BacktestResult) -> dict[str, Any]:
    return {
        "granularity": result.granularity,
        "market": result.market,
        "symbol": result.symbol,
        "bar_seconds": result.bar_seconds,
        "is_simulated": result.is_simulated,
        "from_time_ns": result.from_ns,
        "to_time_ns": result.to_ns,
        "sources": [{"name": item.name, "rows": item.rows, "sha256": item.sha256} for item in result.sources],
    }


def _result(result: BacktestResult) -> dict[str, Any]:
    return {
        "initial": plain_e8(result.initial_e8),
        "final_equity": plain_e8(result.final_equity_e8),
        "net": plain_e8(result.final_equity_e8 - result.initial_e8),
        "fees": plain_e8(result.fees_e8),
        "funding": plain_e8(result.funding_e8),
        "open_position": plain_e8(result.open_position_e8),
        "open_entry_price": plain_e8(result.open_entry_e8),
        "first_price": plain_e8(result.first_mark_e8),
        "last_price": plain_e8(result.last_mark_e8),
        "events": result.events,
        "signals": result.signals,
        "refusals": dict(sorted(result.refusals.items())),
        "skip_ratio": number(result.skip_ratio),
        "elapsed_seconds": number(result.elapsed_seconds),
    }


def number(value: float | None) -> float | None:
    """A ratio to DIGITS significant digits."""
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _interval(found: Interval | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"mean": number(found.mean), "low": number(found.low), "high": number(found.high), **_method(found)}


def _money_interval(found: Interval | None) -> dict[str, Any] | None:
    if found is None:
        return None
    values = {"mean": found.mean, "low": found.low, "high": found.high}
    return {**{name: plain_e8(round(value)) for name, value in values.items()}, **_method(found)}


def _method(found: Interval) -> dict[str, Any]:
    return {
        "confidence": CONFIDENCE,
        "method": "circular block bootstrap",
        "block_length": found.block_length,
        "resamples": RESAMPLES,
        "seed": SEED,
    }


def curve_document(curve: CurveFigures) -> dict[str, Any]:
    """The figures of one curve."""
    fall = curve.drawdown
    return {
        "total_return": number(curve.total_return),
        "annualised_return": number(curve.annualised_return),
        "volatility": number(curve.volatility),
        "sharpe": number(curve.sharpe),
        "sortino": number(curve.sortino),
        "calmar": number(curve.calmar),
        "max_drawdown": number(fall.depth),
        "max_drawdown_amount": plain_e8(fall.amount_e8),
        "max_drawdown_peak_time_ns": fall.peak_ns,
        "max_drawdown_trough_time_ns": fall.trough_ns,
        "max_drawdown_recovered_time_ns": fall.recovered_ns,
        "max_drawdown_length_ns": fall.length_ns,
        "longest_under_water_ns": fall.longest_ns,
    }


def figures_document(figures: TradeFigures) -> dict[str, Any]:
    """The figures of a set of trades."""
    return {
        "count": figures.count,
        "wins": figures.wins,
        "losses": figures.losses,
        "net": plain_e8(figures.net_e8),
        "gross": plain_e8(figures.gross_e8),
        "fees": plain_e8(figures.fees_e8),
        "funding": plain_e8(figures.funding_e8),
        "spread": plain_e8(figures.spread_e8),
        "slippage": plain_e8(figures.slippage_e8),
        "win_rate": number(figures.win_rate),
        "profit_factor": number(figures.profit_factor),
        "expectancy": _money(figures.expectancy_e8),
        "expectancy_bps": number(figures.expectancy_bps),
        "mean_win": _money(figures.mean_win_e8),
        "mean_loss": _money(figures.mean_loss_e8),
        "best": _money(figures.best_e8),
        "worst": _money(figures.worst_e8),
        "longest_losing_streak": figures.losing_streak,
        "mean_held_ns": figures.held_mean_ns,
    }


def _money(value_e8: int | None) -> str | None:
    return None if value_e8 is None else plain_e8(value_e8)


def _groups(groups: Sequence[Group]) -> dict[str, Any]:
    return {group.name: figures_document(group.figures) for group in groups}


def trade_row(trade: RoundTrip, is_simulated: bool) -> tuple[str | int | bool, ...]:
    """The values of TRADE_COLUMNS; exact."""
    return (
        trade.number,
        words.side(trade.side),
        words.utc(trade.opened_ns),
        trade.opened_ns,
        words.utc(trade.closed_ns),
        trade.closed_ns,
        plain_e8(trade.quantity_e8),
        plain_e8(trade.entry_price_e8),
        plain_e8(trade.exit_price_e8),
        plain_e8(trade.gross_e8),
        plain_e8(trade.fees_e8),
        plain_e8(trade.funding_e8),
        plain_e8(trade.net_e8),
        plain_e8(trade.spread_e8),
        plain_e8(trade.slippage_e8),
        trade.entry_reason,
        trade.exit_reason,
        is_simulated,
    )


def trades_head(result: BacktestResult) -> dict[str, Any]:
    """What stands before the trades in trades.json."""
    return {"schema_version": SCHEMA_VERSION, "symbol": result.symbol, "market": result.market}
