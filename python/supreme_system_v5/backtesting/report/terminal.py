"""The report as text, at most 80 columns: the verdict first, then what it rests on."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from supreme_system_v5.backtesting.report import words
from supreme_system_v5.backtesting.report.build import Group, Report, build_report
from supreme_system_v5.backtesting.report.metrics import CurveFigures, Metrics
from supreme_system_v5.backtesting.report.returns import ANNUALISE_FROM_NS, PERIOD_NAMES, PERIODS_MIN
from supreme_system_v5.backtesting.results import BacktestResult

COLUMNS: Final = 80
LABEL: Final = 24
HASH_DIGITS: Final = 16
SOURCES_MAX: Final = 5


def terminal_summary(result: BacktestResult, report: Report | None = None) -> str:
    """A finished run for a terminal. ``report`` spares working it out again."""
    report = report or build_report(result)
    lines = [
        _safe(f"Backtest {result.strategy} on {result.symbol} {result.market}, {result.granularity}"),
        f"{words.utc_minute(result.from_ns)} to {words.utc_minute(result.to_ns)} UTC"
        f" ({words.duration(result.to_ns - result.from_ns)})",
        *(["SIMULATED market: no price below was ever real"] if result.is_simulated else []),
        "",
        *_verdict(report),
        *_section("Result", _results(report)),
        *_curves(report.metrics),
        *_section("Trades", _trades(report)),
        *_section(f"Costs, {words.quote_of(result.symbol)}", _costs(report)),
        *_groups("By exit reason", report.by_exit),
        *_section("Data", _data(result)),
        *_section("How fills were made", _model(result)),
        *_unknown(result),
        "",
        *_wrapped(convention(report.metrics)),
    ]
    return "\n".join(line.rstrip() for line in lines)


def convention(metrics: Metrics) -> str:
    """How the ratios were taken, and why some may be missing; for every reader of the figures."""
    period = PERIOD_NAMES[metrics.period_ns]
    text = f"Ratios: {metrics.periods:,} returns of one {period} each (UTC), 365 days a year, risk-free rate 0."
    if metrics.periods < PERIODS_MIN:
        text += f" Fewer than {PERIODS_MIN}: not shown."
    return text + f" A return of less than {words.duration(ANNUALISE_FROM_NS)} is not raised to a year."


def _safe(text: str) -> str:
    """Names come from files: no control character of theirs reaches the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _cut(text: str, width: int) -> str:
    text = _safe(text)
    return text if len(text) <= width else text[: width - 3] + "..."


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(_safe(text), COLUMNS, initial_indent=indent, subsequent_indent=indent)


def _section(title: str, rows: Sequence[tuple[str, str]]) -> list[str]:
    """Rows of label and text; a long text goes on under itself."""
    lines = ["", title]
    for label, text in rows:
        head = f"  {_cut(label, LABEL - 4):{LABEL - 2}}"
        lines += textwrap.wrap(_safe(text) or "-", COLUMNS, initial_indent=head, subsequent_indent=" " * LABEL)
    return lines


def _table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A label, then figures right-aligned in columns of equal width."""
    width = (COLUMNS - LABEL) // (len(headers) or 1)
    lines = ["", f"{title:{LABEL}}" + "".join(f"{header:>{width}}" for header in headers)]
    for label, *cells in rows:
        lines.append(f"  {_cut(label, LABEL - 3):{LABEL - 2}}" + "".join(f"{cell:>{width}}" for cell in cells))
    return lines


def _verdict(report: Report) -> list[str]:
    verdict = report.verdict
    sentences = [*verdict.reasons, *verdict.caveats]
    return [f">> {verdict.headline}", *(line for text in sentences for line in _wrapped(text, "   "))]


def _results(report: Report) -> list[tuple[str, str]]:
    result, metrics = report.result, report.metrics
    quote = words.quote_of(result.symbol)
    made_e8 = result.final_equity_e8 - result.initial_e8
    fall = metrics.curve.drawdown
    over = "not over at the end" if fall.recovered_ns is None else f"over on {words.utc_minute(fall.recovered_ns)}"
    lasted = f"{words.money(fall.amount_e8)} {quote}, {words.duration(fall.length_ns)} under water, {over}"
    return [
        ("net result", f"{words.money(made_e8, 2, True)} {quote} on {words.money(result.initial_e8)}"),
        ("expectancy a trade", expectancy(report)),
        ("worst drawdown", lasted if fall.depth < 0 else "none"),
        ("longest under water", words.duration(fall.longest_ns)),
        ("time in the market", f"{words.percent(metrics.exposure)}, turnover {words.ratio(metrics.turnover)} x equity"),
    ]


def expectancy(report: Report) -> str:
    """The mean net result of a trade, in quote and in bps of its size."""
    figures = report.metrics.trades
    if not figures.count:
        return words.NOTHING
    mean = words.money(figures.expectancy_e8, 4, True)
    return f"{mean} {words.quote_of(report.result.symbol)}, {words.bps(figures.expectancy_bps)} of its size"


def _curves(metrics: Metrics) -> list[str]:
    def cells(curve: CurveFigures | None) -> list[str]:
        if curve is None:
            return [words.NOTHING] * 7
        return [
            words.percent(curve.total_return, True),
            words.percent(curve.annualised_return, True),
            words.percent(curve.volatility),
            words.percent(curve.drawdown.depth),
            words.ratio(curve.sharpe),
            words.ratio(curve.sortino),
            words.ratio(curve.calmar),
        ]

    names = ("return", "a year", "volatility a year", "worst drawdown", "Sharpe", "Sortino", "Calmar")
    pairs = zip(names, cells(metrics.curve), cells(metrics.hold), strict=True)
    return _table("Beside buy and hold", ("strategy", "buy and hold"), [list(row) for row in pairs])


def _trades(report: Report) -> list[tuple[str, str]]:
    figures, result = report.metrics.trades, report.result
    if not figures.count:
        refused = ", ".join(f"{number:,} {reason}" for reason, number in sorted(result.refusals.items()))
        return [("closed", "0"), ("signals", f"{result.signals:,}"), ("refused", refused or "none")]
    return [
        ("closed", f"{figures.count:,} ({figures.wins:,} won, {figures.losses:,} lost)"),
        ("win rate", words.percent(figures.win_rate)),
        ("profit factor", words.ratio(figures.profit_factor) if figures.losses else "no trade lost"),
        (
            "mean win, mean loss",
            f"{words.money(figures.mean_win_e8, 4, True)}, {words.money(figures.mean_loss_e8, 4, True)}",
        ),
        ("best, worst", f"{words.money(figures.best_e8, 4, True)}, {words.money(figures.worst_e8, 4, True)}"),
        ("losing streak", f"{words.count(figures.losing_streak, 'trade')} at most"),
        ("held on average", words.duration(figures.held_mean_ns)),
    ]


def cost_rows(report: Report) -> list[tuple[str, int, str]]:
    """(label, 1e-8 units signed as they change the result, note), from before all costs to the change of equity."""
    costs, result = report.metrics.costs, report.result
    rows = [
        ("before costs", costs.before_e8, "at the mid price, for free"),
        ("fees", -costs.fees_e8, ""),
        ("spread", -costs.spread_e8, "half of it on each fill"),
        ("slippage", -costs.slippage_e8, "fills worse than the best price"),
        ("funding", costs.funding_e8, "" if result.is_funding_known else "unknown: not charged"),
        ("net of closed trades", costs.net_e8, ""),
    ]
    if costs.other_e8:
        note = "the open position and its fees" if result.open_position_e8 else "dust and rounding"
        rows.append(("not in a closed trade", costs.other_e8, note))
    return rows


def _costs(report: Report) -> list[tuple[str, str]]:
    rows = cost_rows(report)
    texts = [words.money(value_e8, 4, True) for _, value_e8, _ in rows]
    width = max(len(text) for text in texts)
    lines = [
        (label, f"{text:>{width}}" + (f"  {note}" if note else ""))
        for text, (label, _, note) in zip(texts, rows, strict=True)
    ]
    lines.append(("share of gross", share_of_gross(report.metrics)))
    return lines


def share_of_gross(metrics: Metrics) -> str:
    """What all costs took of the gross result, in words."""
    share = metrics.costs.share
    if share is None:
        return "no gross profit to share"
    return words.percent(share, False, 1) if share <= 2 else f"{share:,.1f} times the gross"


def _groups(title: str, groups: Sequence[Group]) -> list[str]:
    if not groups:
        return []
    rows = [
        [
            group.name or "-",
            f"{group.figures.count:,}",
            words.percent(group.figures.win_rate, False, 1),
            words.money(group.figures.expectancy_e8, 4, True),
            words.money(group.figures.net_e8, 2, True),
        ]
        for group in groups
    ]
    return _table(title, ("trades", "win rate", "mean net", "net"), rows)


def _data(result: BacktestResult) -> list[tuple[str, str]]:
    rows = []
    for source in result.sources[:SOURCES_MAX]:
        hashed = f"sha256 {source.sha256[:HASH_DIGITS]}"
        rows.append(("read", f"{_cut(source.name, COLUMNS - LABEL)}"))
        rows.append(("", f"{words.count(source.rows, 'row')}, {hashed}"))
    if len(result.sources) > SOURCES_MAX:
        left = len(result.sources) - SOURCES_MAX
        rows.append(("", f"and {words.count(left, 'file')} more, {words.count(total_rows(result), 'row')} in all"))
    rows.append(("events", f"{result.events:,} in {result.elapsed_seconds:.2f} s, core: {result.core}"))
    rows.append(("digest", result.digest[:HASH_DIGITS]))
    return rows


def total_rows(result: BacktestResult) -> int:
    """Of all sources."""
    return sum(source.rows for source in result.sources)


def _model(result: BacktestResult) -> list[tuple[str, str]]:
    return list(result.model.items()) or [("model", "not stated")]


def _unknown(result: BacktestResult) -> list[str]:
    if not result.unknown:
        return []
    lines = ["", f"What {result.granularity} cannot know"]
    for text in result.unknown:
        first, *rest = textwrap.wrap(_safe(text), COLUMNS - 4) or [""]
        lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    return lines
