"""The parts of the page that are text and tables: everything a chart shows can be read here too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from supreme_system_v5.backtesting.report import words
from supreme_system_v5.backtesting.report.bootstrap import Interval
from supreme_system_v5.backtesting.report.build import Group, Report
from supreme_system_v5.backtesting.report.metrics import CurveFigures
from supreme_system_v5.backtesting.report.terminal import convention, cost_rows, share_of_gross, total_rows

MINUS: Final = "\u2212"
SOURCES_SHOWN: Final = 10


def prose(sentence: str) -> str:
    """A sentence, with a real minus before its figures."""
    return re.sub(r"(?<!\S)-(?=\d)", MINUS, text(sentence))


def text(value: object) -> str:
    """Any text, made safe inside an element or a quoted attribute."""
    return escape(str(value), quote=True)


def figure(value: str) -> str:
    """A figure with a real minus, coloured where it begins with a sign."""
    kind = "gain" if value.startswith("+") else "loss" if value.startswith("-") else ""
    shown = text(value).replace("-", MINUS, 1) if value.startswith("-") else text(value)
    return f'<span class="{kind}">{shown}</span>' if kind else shown


def table(
    caption: str, headers: Sequence[str], rows: Iterable[Sequence[str]], classes: Sequence[str] = (), kind: str = ""
) -> str:
    """A table whose first column names the row; ``classes`` are the columns'. Cells are HTML already."""
    classes = [*classes, *[""] * (len(headers) - len(classes))]
    head = "".join(
        f'<th scope="col"{_class(of)}>{text(name)}</th>' if name else "<td></td>"
        for name, of in zip(headers, classes, strict=True)
    )
    lines = []
    for label, *cells in rows:
        body = "".join(f"<td{_class(of)}>{cell}</td>" for cell, of in zip(cells, classes[1:], strict=True))
        lines.append(f'<tr><th scope="row">{label}</th>{body}</tr>')
    return (
        f'<div class="scroll"><table{_class(kind)}><caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def heading(report: Report) -> str:
    """The page's title and what was tested."""
    result = report.result
    mark = ' <span class="mark">SIMULATED market</span>' if result.is_simulated else ""
    return (
        f"<header><h1>{text(result.strategy)} on {text(result.symbol)}{mark}</h1>"
        f'<p class="sub">Backtest on {text(result.market)} {text(result.granularity)}, '
        f"{words.utc_minute(result.from_ns)} to {words.utc_minute(result.to_ns)} UTC "
        f"({words.duration(result.to_ns - result.from_ns)}), {words.count(total_rows(result), 'row')}</p></header>"
    )


def verdict(report: Report) -> str:
    """The answer, why, what to keep in mind, and the interval against zero."""
    found = report.verdict
    reasons = "".join(f"<p>{prose(sentence)}</p>" for sentence in found.reasons)
    caveats = "".join(f"<li>{prose(sentence)}</li>" for sentence in found.caveats)
    line = _interval_line(found.money, words.quote_of(report.result.symbol)) if found.money else ""
    return (
        f'<section class="verdict {found.kind}" aria-labelledby="verdict-title"><p class="tag">Verdict</p>'
        f'<h2 id="verdict-title">{text(found.headline)}</h2>{reasons}{line}'
        + (f"<ul>{caveats}</ul>" if caveats else "")
        + "</section>"
    )


def _interval_line(interval: Interval, quote: str) -> str:
    """The interval drawn on a line with its zero; the sentence above it says the same."""
    low, high = min(interval.low, 0.0), max(interval.high, 0.0)
    room = (high - low) * 0.08 or 1.0

    def place(value: float) -> str:
        return f"{(value - low + room) / (high - low + 2 * room) * 100:.2f}%"

    width = (interval.high - interval.low) / (high - low + 2 * room) * 100
    edge = "first" if interval.low >= 0 else "last" if interval.high <= 0 else ""
    outer = interval.high if interval.low >= 0 else interval.low
    labels = f'<b class="{edge}" style="left:{place(0.0)}">0</b>'
    if interval.high != 0 or interval.low != 0:
        side = "last" if outer > 0 else "first"
        labels += f'<b class="{side}" style="left:{place(outer)}">{_signed(outer)} {text(quote)}</b>'
    if interval.low < 0 < interval.high:
        labels += f'<b class="last" style="left:{place(interval.high)}">{_signed(interval.high)} {text(quote)}</b>'
    return (
        '<div class="interval" aria-hidden="true"><i class="rail"></i>'
        f'<i class="range" style="left:{place(interval.low)};width:{max(width, 0.5):.2f}%"></i>'
        f'<i class="zero" style="left:{place(0.0)}"></i><i class="mean" style="left:{place(interval.mean)}"></i>'
        f"{labels}</div>"
    )


def _signed(value_e8: float) -> str:
    return words.money(round(value_e8), 4, True).replace("-", MINUS)


def cards(report: Report) -> str:
    """The figures an owner looks for first."""
    result, metrics = report.result, report.metrics
    trades, curve, hold, quote = metrics.trades, metrics.curve, metrics.hold, words.quote_of(result.symbol)
    fall = curve.drawdown
    won = f"{words.percent(trades.win_rate, False, 1)} won" if trades.count else "none closed"
    held = f"worst fall {_minus(words.percent(hold.drawdown.depth))}" if hold else ""
    mean = f"{words.money(trades.expectancy_e8, 4, True)} {quote}" if trades.count else words.NOTHING
    shown = [
        (
            "Net result",
            f"{words.money(result.final_equity_e8 - result.initial_e8, 2, True)} {quote}",
            f"{_minus(words.percent(curve.total_return, True))} of {words.money(result.initial_e8)}",
        ),
        ("Mean trade, net", mean, f"{_minus(words.bps(trades.expectancy_bps))} of its size" if trades.count else ""),
        ("Trades", f"{trades.count:,}", won),
        ("Buy and hold", words.percent(hold.total_return if hold else None, True), held),
        (
            "Worst drawdown",
            words.percent(fall.depth),
            f"{words.duration(fall.length_ns)} under water" if fall.depth < 0 else "never below a peak",
        ),
        ("Sharpe ratio", _minus(words.ratio(curve.sharpe)), f"buy and hold {_minus(words.ratio(_sharpe(hold)))}"),
        (
            "Profit factor",
            words.ratio(trades.profit_factor),
            "all gains over all losses" if trades.losses or not trades.count else "no trade lost",
        ),
        (
            "Time in the market",
            words.percent(metrics.exposure, False, 1),
            f"a trade held {words.duration(trades.held_mean_ns)}" if trades.count else "",
        ),
    ]
    items = "".join(
        f'<div><dt>{label}</dt><dd class="value">{figure(value)}</dd><dd class="note">{text(note)}</dd></div>'
        for label, value, note in shown
    )
    return f'<dl class="cards" aria-label="Key figures">{items}</dl>'


def _minus(value: str) -> str:
    return value.replace("-", MINUS)


def _sharpe(curve: CurveFigures | None) -> float | None:
    return curve.sharpe if curve is not None else None


def comparison(report: Report) -> str:
    """The strategy beside buy and hold, and how the ratios were taken."""
    metrics = report.metrics

    def cells(curve: CurveFigures | None) -> list[str]:
        if curve is None:
            return [words.NOTHING] * 10
        fall = curve.drawdown
        return [
            figure(words.percent(curve.total_return, True)),
            figure(words.percent(curve.annualised_return, True)),
            words.percent(curve.volatility),
            _minus(words.ratio(curve.sharpe)),
            _minus(words.ratio(curve.sortino)),
            _minus(words.ratio(curve.calmar)),
            figure(words.percent(fall.depth)),
            words.duration(fall.length_ns) if fall.depth < 0 else "none",
            "n/a" if fall.depth == 0 else "not yet" if fall.recovered_ns is None else words.utc(fall.recovered_ns)[:10],
            words.duration(fall.longest_ns),
        ]

    names = (
        "Return",
        "Return a year",
        "Volatility a year",
        "Sharpe",
        "Sortino",
        "Calmar",
        "Worst drawdown",
        "Its length",
        "Recovered",
        "Longest under water",
    )
    rows = [list(row) for row in zip(names, cells(metrics.curve), cells(metrics.hold), strict=True)]
    note = "Buy and hold: the whole balance in the asset from the first price to the last, free of costs."
    return (
        '<section aria-labelledby="beside"><h2 id="beside">Beside buy and hold</h2>'
        + table(convention(metrics), ("", "Strategy", "Buy and hold"), rows)
        + f'<p class="sub">{note}</p></section>'
    )


def trade_figures(report: Report) -> str:
    """Of all closed trades, and by side and reason of the entry."""
    figures, metrics, result = report.metrics.trades, report.metrics, report.result
    refused = [[f"Refused: {text(reason)}", f"{number:,}"] for reason, number in sorted(result.refusals.items())]
    counted = [["Closed", f"{figures.count:,}"], ["Signals", f"{result.signals:,}"], *refused]
    rows = [
        ["Won, lost", f"{figures.wins:,}, {figures.losses:,}"],
        ["Win rate", words.percent(figures.win_rate)],
        ["Mean win", figure(words.money(figures.mean_win_e8, 4, True))],
        ["Mean loss", figure(words.money(figures.mean_loss_e8, 4, True))],
        ["Best", figure(words.money(figures.best_e8, 4, True))],
        ["Worst", figure(words.money(figures.worst_e8, 4, True))],
        ["Longest losing streak", words.count(figures.losing_streak, "trade")],
        ["Held on average", words.duration(figures.held_mean_ns)],
        ["Turnover", f"{words.ratio(metrics.turnover)} x mean equity"],
    ]
    shown = [counted[0], *rows, *counted[1:]] if figures.count else counted
    parts = [table(f"Money in {words.quote_of(result.symbol)}", ("", "Trades"), shown)]
    if figures.count:
        parts.append(group_table("By side", "Side", report.by_side))
    if any(group.name for group in report.by_entry):
        parts.append(group_table("By reason of the entry", "Entered by", report.by_entry))
    return f'<section aria-labelledby="of-trades"><h2 id="of-trades">Trades</h2>{"".join(parts)}</section>'


def group_table(caption: str, name: str, groups: Sequence[Group]) -> str:
    """Groups of trades with count, win rate, mean and sum."""
    rows = [
        [
            text(group.name or "not named"),
            f"{group.figures.count:,}",
            words.percent(group.figures.win_rate, False, 1),
            figure(words.money(group.figures.expectancy_e8, 4, True)),
            figure(words.money(group.figures.net_e8, 2, True)),
        ]
        for group in groups
        if group.figures.count
    ]
    return table(caption, (name, "Trades", "Won", "Mean net", "Net"), rows, ("", "", "", "wide"), "groups")


def cost_table(report: Report) -> str:
    """Where the money went."""
    rows = [
        [label.capitalize() + (f"<small>{text(note)}</small>" if note else ""), figure(words.money(value_e8, 4, True))]
        for label, value_e8, note in cost_rows(report)
    ]
    rows.append(["All costs, of the gross result", text(share_of_gross(report.metrics))])
    return table("What each part took or gave", ("", words.quote_of(report.result.symbol)), rows)


def equity_table(report: Report) -> str:
    """The curve in at most 25 lines, for those who cannot see it."""
    points = report.result.equity
    step = -(-len(points) // 24) or 1
    chosen = [*points[step - 1 : -1 : step], points[-1]] if points else []
    rows = [
        [words.utc_minute(point.time_ns), words.money(point.equity_e8), words.price(point.mark_e8)] for point in chosen
    ]
    return table("Equity and price in time", ("UTC", "Equity", "Price"), rows)


def basis(report: Report) -> str:
    """What the result rests on: data, fills, what cannot be known, settings."""
    result = report.result
    sources = "".join(
        f'<li><span class="hash">{text(item.name)}</span>, {words.count(item.rows, "row")}'
        f'<small class="hash">SHA-256 {text(item.sha256)}</small></li>'
        for item in result.sources[:SOURCES_SHOWN]
    )
    more = len(result.sources) - SOURCES_SHOWN
    left = f'<p class="sub">and {words.count(more, "file")} more, listed in report.json</p>' if more > 0 else ""
    unknown = "".join(f"<li>{text(sentence)}</li>" for sentence in result.unknown)
    model = [[text(name), text(value)] for name, value in result.model.items()]
    settings = [[text(name), text(value)] for name, value in result.settings.items()]
    known = f"<h3>What {text(result.granularity)} cannot know</h3><ul>{unknown}</ul>" if unknown else ""
    run = [
        ["Events", f"{result.events:,} in {result.elapsed_seconds:,.2f} s"],
        ["Event gate skipped", words.percent(result.skip_ratio, False, 1)],
        ["Core", text(result.core)],
        ["Digest of the decisions", f'<span class="hash">{text(result.digest)}</span>'],
    ]
    return (
        '<section aria-labelledby="basis"><h2 id="basis">What this rests on</h2>'
        + f"<h3>Data</h3><ul>{sources}</ul>"
        + left
        + known
        + "<h3>How fills were made</h3>"
        + table("The model", ("Of the fills", "Used"), model, ("", "text long"))
        + "<h3>The run</h3>"
        + table("Same data, same settings: same digest", ("Of the run", "Value"), run, ("", "text long"))
        + f"<details><summary>Settings ({len(settings)})</summary>"
        + table("As they were in effect", ("Setting", "Value"), settings, ("", "text long"))
        + "</details></section>"
    )
