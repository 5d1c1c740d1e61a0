"""The page as text: one file, nothing fetched, hostile names harmless, small enough, its library as its README says."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import supreme_system_v5
from supreme_system_v5.backtesting.report.build import build_report
from supreme_system_v5.backtesting.report.chart_data import (
    CANDLES_MAX,
    POINTS_MAX,
    TRADES_MAX,
    chart_data,
    fold_candles,
    thin,
)
from supreme_system_v5.backtesting.report.page import LIBRARY, render_page
from supreme_system_v5.backtesting.results import BacktestResult, Candle, DataSource, EquityPoint
from tests.backtesting.report.runs import random_bars, run_rule, small_run

PAGE_BYTES_MAX = 3_000_000
EVIL = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=2'>\"'&amp;\u2028-->]]>"


def hostile(result: BacktestResult) -> BacktestResult:
    """Every text of a result is an attack."""
    return dataclasses.replace(
        result,
        strategy=EVIL,
        symbol=f"{EVIL}-{EVIL}",
        market=EVIL,
        granularity=EVIL,
        core=EVIL,
        digest=EVIL,
        settings={EVIL: EVIL},
        model={EVIL: EVIL},
        unknown=[EVIL],
        refusals={EVIL: 1},
        sources=[DataSource(EVIL, 1, EVIL)],
        trades=[dataclasses.replace(trade, exit_reason=EVIL, entry_reason=EVIL) for trade in result.trades],
        is_funding_known=False,
    )


class Parts(HTMLParser):
    """Elements with their attributes, and the text of each script."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text.append(data)


def parts_of(page: str) -> Parts:
    parser = Parts()
    parser.feed(page)
    parser.close()
    return parser


def test_nothing_points_out_of_the_file() -> None:
    parts = parts_of(render_page(build_report(small_run(1))))
    for tag, attributes in parts.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "img"}, tag
        assert not {"src", "srcset", "action", "background"} & set(attributes), (tag, attributes)
        assert str(attributes.get("href", "#")).startswith("#")
    style = render_page(build_report(small_run(0))).split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_only_its_own_scripts_may_run() -> None:
    parts = parts_of(render_page(build_report(small_run(1))))
    policy = next(str(a["content"]) for tag, a in parts.elements if tag == "meta" and "http-equiv" in a)
    data, *code = parts.scripts
    json.loads(data)
    allowed = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in code]
    assert len(code) == 2
    assert f"script-src {' '.join(allowed)};" in policy
    assert policy.startswith("default-src 'none';")
    handlers = [name for _, attributes in parts.elements for name in attributes if name.startswith("on")]
    assert handlers == []


def test_hostile_names_stay_text() -> None:
    plain, attacked = (parts_of(render_page(build_report(run))) for run in (small_run(3), hostile(small_run(3))))
    shape = [(tag, sorted(attributes)) for tag, attributes in plain.elements if tag in {"script", "img", "meta"}]
    assert [(t, sorted(a)) for t, a in attacked.elements if t in {"script", "img", "meta"}] == shape
    assert len(attacked.scripts) == 3
    assert not [name for _, attributes in attacked.elements for name in attributes if name.startswith("on")]
    assert EVIL in json.loads(attacked.scripts[0])["reasons"]
    assert any(EVIL in text for text in attacked.text)


def test_a_dollar_sign_is_no_placeholder() -> None:
    page = render_page(build_report(dataclasses.replace(small_run(0), strategy="$data ${library} $$")))
    assert "$data ${library} $$ on ETH-USDT" in page


@pytest.mark.parametrize("trades", [3_000, 30_000])
def test_the_page_stays_small(trades: int) -> None:
    base = small_run(1)
    one = base.trades[0]
    many = [
        dataclasses.replace(one, number=n, opened_ns=one.opened_ns + n, net_e8=-n * 10**6) for n in range(1, trades + 1)
    ]
    points = [EquityPoint(base.from_ns + n, 10**12 + n, 10**11 + n, 0) for n in range(100_000)]
    candles = [Candle(n, 10**11 + n, 10**11 + 2 * n, 10**11 - n, 10**11 + n, 5) for n in range(50_000)]
    result = dataclasses.replace(base, trades=many, equity=points, candles=candles)
    page = render_page(build_report(result))
    assert len(page.encode()) < PAGE_BYTES_MAX
    data = chart_data(build_report(result))
    assert len(data["trades"]) == min(trades, TRADES_MAX)
    assert len(data["candles"]["t"]) <= CANDLES_MAX
    assert len(data["equity"]["t"]) <= POINTS_MAX + 2
    assert (f"Here are the last {TRADES_MAX:,} of {trades:,}" in page) == (trades > TRADES_MAX)


def test_thinning_keeps_the_extremes_and_the_last_point() -> None:
    points = [EquityPoint(n, 10**12 + (n * 7_919) % 1_000, 1, 0) for n in range(50_000)]
    points[777].equity_e8, points[30_001].equity_e8 = 5, 10**13
    found = thin(points, 2_000)
    assert len(found) <= 2_001
    assert [point.time_ns for point in found] == sorted({point.time_ns for point in found})
    assert {5, 10**13} <= {point.equity_e8 for point in found}
    assert found[-1] is points[-1]
    assert thin(points[:5], 2_000) == points[:5]


def test_folding_keeps_every_high_and_low() -> None:
    candles = [Candle(n, n, n + 10, n - 10, n + 1, 2) for n in range(1_000)]
    found = fold_candles(candles, 300)
    assert len(found) == 250
    assert (found[0].open_e8, found[0].high_e8, found[0].low_e8, found[0].close_e8, found[0].volume_e8) == (
        0,
        13,
        -10,
        4,
        8,
    )
    assert sum(candle.volume_e8 for candle in found) == 2_000


def test_the_data_of_the_charts_is_that_of_the_run() -> None:
    result = run_rule(random_bars(20_000))
    data: dict[str, Any] = chart_data(build_report(result))
    assert len(data["trades"]) == len(result.trades)
    assert (
        sum(row["count"] for row in data["hours"]) == sum(row["count"] for row in data["exits"]) == len(result.trades)
    )
    assert data["costs"][0]["value"] + sum(row["value"] for row in data["costs"][1:5]) == pytest.approx(
        data["costs"][5]["value"], abs=1e-4
    )
    assert data["equity"]["equity"][-1] == pytest.approx(result.final_equity_e8 / 10**8)


def test_the_library_is_the_one_that_its_readme_names() -> None:
    readme = (LIBRARY / "README.md").read_text()
    code = (LIBRARY / "echarts.min.js").read_bytes()
    named = re.search(r"Apache ECharts ([\d.]+)", readme)
    assert hashlib.sha256(code).hexdigest() in readme
    assert named is not None
    assert f'version="{named[1]}"'.encode() in code
    assert b"</script" not in code.lower()
    assert "Apache License" in (LIBRARY / "LICENSE").read_text()
    assert (LIBRARY / "NOTICE").exists()


def test_the_installed_package_has_the_pages_files() -> None:
    assert supreme_system_v5.__file__ is not None
    package = Path(supreme_system_v5.__file__).parent
    source = Path(__file__).resolve().parents[3] / "python" / "supreme_system_v5"
    for folder, pattern in (
        ("backtesting/report", "*.[chj]*s*"),
        ("assets/echarts", "*"),
        ("backtesting/report", "*.html"),
    ):
        names = {path.name for path in (source / folder).glob(pattern) if path.is_file()}
        assert names
        assert names <= {path.name for path in (package / folder).iterdir()}
