"""The report as one HTML file that needs nothing else: no network, no other file; the charts are Apache ECharts'.

Names, reasons and settings come from outside. They are escaped in the text; in the data `<`, `>` and `&` are written as
JSON escapes, so that no script element can end early; and the page's content security policy lets run only the two
scripts whose hashes it names, and lets nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Final

from supreme_system_v5.backtesting.report import sections, words
from supreme_system_v5.backtesting.report.build import Report
from supreme_system_v5.backtesting.report.chart_data import TRADES_MAX, bin_words, candle_seconds, chart_data
from supreme_system_v5.backtesting.report.returns import NS
from supreme_system_v5.backtesting.report.sections import table, text

HERE: Final = Path(__file__).parent
LIBRARY: Final = HERE.parent.parent / "assets" / "echarts"
# What a browser could read as the end of the data, or as a line's end inside a string.
JSON_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
ZOOMS: Final = (
    ("in", "Zoom in", "+"),
    ("out", "Zoom out", "\u2212"),
    ("earlier", "Earlier", "\u2190"),
    ("later", "Later", "\u2192"),
    ("all", "All of the run", "All"),
)
LEGEND: Final = (
    ("accent", "M7 1 13 13H1Z", "long entry"),
    ("other", "M1 1H13L7 13Z", "short entry"),
    ("gain", "M7 1a6 6 0 1 0 .01 0Z", "exit, won"),
    ("loss", "M2 2H12V12H2Z", "exit, lost"),
)


def render_page(report: Report) -> str:
    """The whole page. Raises OSError where the package's own files are missing."""
    library = _asset(LIBRARY / "echarts.min.js")
    script = "\n".join(_asset(HERE / name) for name in ("page.js", "chart_options.js", "charts.js"))
    allowed = " ".join(_hash_source(code) for code in (library, script))
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    result = report.result
    return Template(_asset(HERE / "page.html")).substitute(
        policy=policy,
        title=text(f"{result.strategy} on {result.symbol}: {report.verdict.headline}"),
        style=_asset(HERE / "page.css"),
        body=_body(report),
        data=embedded(chart_data(report)),
        library=library,
        script=script,
    )


@cache
def _asset(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip("\n")


def _hash_source(code: str) -> str:
    digest = hashlib.sha256(code.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def embedded(document: dict[str, Any]) -> str:
    """Strict JSON that cannot leave its script element."""
    plain = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return re.sub("[<>&\u2028\u2029]", lambda found: JSON_ESCAPES[found[0]], plain)


def library_version() -> str:
    """Of the chart library, as its README says."""
    found = re.search(r"Apache ECharts ([\d.]+)", _asset(LIBRARY / "README.md"))
    return found[1] if found else "unknown"


def _body(report: Report) -> str:
    return "\n".join(
        [
            sections.heading(report),
            "<main>",
            sections.verdict(report),
            sections.cards(report),
            _price(report),
            _equity(report),
            *(_of_trades(report) if report.result.trades else _without_trades(report)),
            sections.basis(report),
            "</main>",
            "<footer><p>Supreme System V5. All times are UTC."
            f" Charts: Apache ECharts {library_version()}, Apache License 2.0."
            " A backtest is a simulation: it does not promise what the next trade makes.</p></footer>",
        ]
    )


def _of_trades(report: Report) -> list[str]:
    return [
        '<div class="pair">',
        _bins(report),
        _costs(report),
        _hours(report),
        _exits(report),
        sections.comparison(report),
        sections.trade_figures(report),
        "</div>",
        _trade_list(report),
    ]


def _without_trades(report: Report) -> list[str]:
    return ['<div class="pair">', sections.comparison(report), sections.trade_figures(report), "</div>"]


def _figure(
    name: str, title: str, told: str, caption: str, more: str = "", tools: str = "", is_tall: bool = False
) -> str:
    """A chart with its title, what it shows in words, and a table of the same where there is one."""
    size = "chart tall" if is_tall else "chart"
    note = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title" tabindex="-1">'
        f'<h2 id="{name}-title">{text(title)}</h2>{tools}'
        f'<figure><div class="{size}" id="chart-{name}" role="img" aria-label="{text(told)}"></div>{note}</figure>'
        f"{more}</section>"
    )


def _empty(name: str, title: str, why: str) -> str:
    return (
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{text(title)}</h2>'
        f'<p class="empty">{text(why)}</p></section>'
    )


def _details(title: str, body: str) -> str:
    return f"<details><summary>{text(title)}</summary>{body}</details>"


def _price(report: Report) -> str:
    result = report.result
    if not result.candles:
        return _empty("price", "Price, entries and exits", "This run has no candles.")
    marks = "".join(
        f'<li><svg viewBox="0 0 14 14" aria-hidden="true"><path d="{path}" fill="var(--{colour})"/></svg>{name}</li>'
        for colour, path, name in LEGEND
    )
    tools = "".join(
        f'<button type="button" class="icon" id="zoom-{name}" aria-label="{title}" title="{title}">{sign}</button>'
        for name, title, sign in ZOOMS
    )
    low, high = min(item.low_e8 for item in result.candles), max(item.high_e8 for item in result.candles)
    told = (
        f"Candles of the price from {words.utc_minute(result.from_ns)} to {words.utc_minute(result.to_ns)} UTC, "
        f"between {words.price(low)} and {words.price(high)}, with {words.count(len(result.trades), 'trade')}; "
        "each is in the list of trades."
    )
    listed = "" if len(result.trades) <= TRADES_MAX else f" The last {TRADES_MAX:,} trades are drawn."
    return _figure(
        "price",
        "Price, entries and exits",
        told,
        f"A candle is {words.duration(candle_seconds(result) * NS)}; in {words.quote_of(result.symbol)}.{listed}",
        tools=f'<div class="tools" role="group" aria-label="Part of the run">{tools}'
        '<span class="sub" id="zoom-said" role="status"></span></div>'
        f'<ul class="legend">{marks}</ul>',
        is_tall=True,
    )


def _equity(report: Report) -> str:
    result, fall = report.result, report.metrics.curve.drawdown
    if not result.equity:
        return _empty("equity", "Equity and drawdown", "This run has no equity points.")
    told = (
        f"Equity from {words.money(result.initial_e8)} to {words.money(result.final_equity_e8)} "
        f"{words.quote_of(result.symbol)}; the worst drawdown was {words.percent(fall.depth)} and lasted "
        f"{words.duration(fall.length_ns)}."
    )
    button = '<button type="button" id="hold-shown" aria-pressed="false">Show buy and hold</button>'
    return _figure(
        "equity",
        "Equity and drawdown",
        told,
        f"Equity in {words.quote_of(result.symbol)}, an open position at the market; below it the fall from its peak.",
        _details("The curve as a table", sections.equity_table(report)),
        f'<div class="tools">{button}</div>' if report.metrics.hold else "",
        is_tall=True,
    )


def _bins(report: Report) -> str:
    figures = report.metrics.trades
    rows = [[text(bin_words(item)), f"{item.count:,}"] for item in report.bins]
    told = f"How often a trade made how much: {figures.wins:,} above zero, {figures.losses:,} below."
    caption = "Trades by net result in bps (0.01 %) of their size, after all costs."
    return _figure(
        "bins",
        "Result of a trade",
        told,
        caption,
        _details("As a table", table("Net result of a trade", ("Net result", "Trades"), rows)),
    )


def _costs(report: Report) -> str:
    costs = report.metrics.costs
    told = (
        f"From {words.money(costs.before_e8, 2, True)} before costs to {words.money(costs.net_e8, 2, True)} net "
        f"{words.quote_of(report.result.symbol)}; the table below has each part."
    )
    return _figure("costs", "Costs", told, "", sections.cost_table(report))


def _hours(report: Report) -> str:
    return _figure(
        "hours",
        "By hour of the day",
        "Net result by the hour of the entry, UTC; the table below has the figures.",
        f"Net result in {words.quote_of(report.result.symbol)} by the hour of the entry, UTC.",
        _details("As a table", sections.group_table("By hour of the entry, UTC", "Hour", report.by_hour)),
    )


def _exits(report: Report) -> str:
    return _figure(
        "exits",
        "By exit reason",
        "Net result by the reason of the exit; the table below has the figures.",
        "",
        sections.group_table(f"Money in {words.quote_of(report.result.symbol)}", "Closed by", report.by_exit),
    )


def _trade_list(report: Report) -> str:
    count = len(report.result.trades)
    limit = f" Here are the last {TRADES_MAX:,} of {count:,}; trades.csv has all." if count > TRADES_MAX else ""
    turns = (("first", "First"), ("back", "Back"), ("on", "Next"), ("last", "Last"))
    buttons = "".join(f'<button type="button" id="page-{name}">{title}</button>' for name, title in turns)
    return (
        '<section id="trades" aria-labelledby="trades-title" tabindex="-1"><h2 id="trades-title">List of trades</h2>'
        f'<p class="sub">A heading sorts, a number shows the trade in the price chart.{limit}</p>'
        '<div class="tools"><button type="button" id="all-columns" aria-pressed="false">All columns</button></div>'
        '<div class="scroll" role="region" aria-label="Table of trades" tabindex="0"><table id="trade-table">'
        '<thead id="trade-head"></thead><tbody id="trade-rows"></tbody></table></div>'
        '<noscript><p class="empty">The list needs scripts; trades.csv beside this page has every trade.</p></noscript>'
        f'<div class="tools pager"><p id="trade-place" role="status"></p><div class="tools">{buttons}</div></div>'
        "</section>"
    )
