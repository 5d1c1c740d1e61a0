"""The page in a real Chromium: from the disk, with no network, on a phone and a desktop, light, dark, by keyboard."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.backtesting.report.write import write_report
from supreme_system_v5.backtesting.results import BacktestResult
from tests.backtesting.report.runs import MINUTE_MS, random_bars, read_bars, run_rule, small_run, trade_of
from tests.backtesting.report.test_page import hostile

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: install the package chromium (apt install chromium)"
)

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
# No sandbox: as root Chromium does not start with one, and the pages are our own.
FLAGS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking"]
# Of each chart: how many different colours its pixels have. A chart that was not drawn has one.
COLOURS = """() => Object.fromEntries([...document.querySelectorAll('.chart')].map((box) => {
  const canvas = box.querySelector('canvas');
  if (!canvas) return [box.id, 0];
  const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return [box.id, new Set(pixels).size];
}))"""
CHARTS = {"chart-price", "chart-equity", "chart-bins", "chart-costs", "chart-hours", "chart-exits"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


class Visit:
    """A page opened from the disk without a network, and what it complained about or asked for."""

    def __init__(self, browser: Any, path: Path, device: dict[str, Any], scheme: str) -> None:
        self.context = browser.new_context(offline=True, color_scheme=scheme, **device)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready=true]", state="attached")

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Any]:
    visits: list[Visit] = []

    def opened(result: BacktestResult, device: dict[str, Any] = DESKTOP, scheme: str = "light") -> Visit:
        visits.append(Visit(browser, write_report(result, tmp_path / str(len(visits)))[0], device, scheme))
        return visits[-1]

    yield opened
    for one in visits:
        one.close()


def three_thousand() -> BacktestResult:
    """As many trades as a busy month has, half of them gains."""
    bars = random_bars(30_000)
    trades = []
    for number in range(1, 3_001):
        at = number * 9
        side = 1 if number % 3 else -1
        reason = ("target", "stop", "timeout")[number % 3]
        entry_e8, exit_e8 = bars.open_e8[at], bars.close_e8[at + 5]
        closed_ms = bars.open_ms[at] + 6 * MINUTE_MS
        trades.append(trade_of(number, side, bars.open_ms[at], closed_ms, entry_e8, exit_e8, reason))
    return dataclasses.replace(run_rule(bars, trades_max=0), trades=trades)


CASES = {
    "no trade, phone, light": (lambda: small_run(0), PHONE, "light", {"chart-price", "chart-equity"}),
    "one trade, desktop, dark": (lambda: small_run(1), DESKTOP, "dark", CHARTS),
    "3,000 trades, desktop, light": (three_thousand, DESKTOP, "light", CHARTS),
    "3,000 trades, phone, dark": (three_thousand, PHONE, "dark", CHARTS),
    "open position and unknown funding, phone, light": (
        lambda: dataclasses.replace(run_rule(random_bars(3_011), hold=3_000), is_funding_known=False),
        PHONE,
        "light",
        CHARTS,
    ),
    "hostile names, desktop, light": (lambda: hostile(small_run(3)), DESKTOP, "light", CHARTS),
}


@pytest.mark.parametrize("name", list(CASES))
def test_it_opens_whole_from_the_disk(name: str, visit: Any) -> None:
    make, device, scheme, charts = CASES[name]
    result = make()
    seen = visit(result, device, scheme)
    page = seen.page
    colours = page.evaluate(COLOURS)
    assert set(colours) == charts
    assert min(colours.values()) > 3, colours
    width = device["viewport"]["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(244, 246, 248)" if scheme == "light" else "rgb(14, 19, 25)")
    assert page.locator("h1").count() == 1
    if result.trades:
        assert page.locator("#trade-rows tr").count() == min(len(result.trades), 25 if width < 621 else 50)
    assert len(page.screenshot(full_page=True)) > 40_000
    assert page.evaluate("window.pwned") is None
    assert seen.complaints == []
    assert len(seen.requests) == 1
    assert seen.requests[0].startswith("file://")


def test_recorded_bars_open_whole_too(visit: Any, data_dir: Path) -> None:
    seen = visit(run_rule(read_bars(data_dir / "bars_1m" / "spot_ETHUSDT_20240726_20240825.csv.gz")), PHONE)
    assert min(seen.page.evaluate(COLOURS).values()) > 3
    assert seen.complaints == []


def test_the_list_sorts_and_turns_its_pages_by_keyboard(visit: Any) -> None:
    result = three_thousand()
    page = visit(result).page
    net = page.get_by_role("button", name="Net", exact=True)
    net.focus()
    page.keyboard.press("Enter")
    worst = min(result.trades, key=lambda trade: (trade.net_e8, trade.number))
    assert page.locator("#trade-rows tr td:first-child").first.inner_text() == str(worst.number)
    assert page.locator("#trade-table th[aria-sort=ascending]").inner_text().startswith("Net")
    page.keyboard.press("Enter")
    best = max(trade.net_e8 for trade in result.trades)
    assert page.locator("#trade-rows tr").first.locator("td.gain").inner_text() == f"+{best / 10**8:.4f}"
    page.get_by_role("button", name="Next").press("Enter")
    assert page.locator("#trade-place").inner_text() == "51 to 100 of 3,000"
    page.get_by_role("button", name="Last").press("Enter")
    assert page.locator("#trade-place").inner_text() == "2,951 to 3,000 of 3,000"
    assert page.get_by_role("button", name="Next").is_disabled()


def test_the_charts_zoom_by_keyboard_together_and_find_a_trade(visit: Any) -> None:
    result = small_run(3)
    seen = visit(result)
    page = seen.page
    ends = (
        "(id) => { const z = reportCharts.charts.get(id).getOption().dataZoom[0]; return [z.startValue, z.endValue]; }"
    )
    from_ms, to_ms = result.from_ns // 10**6, result.to_ns // 10**6
    page.get_by_role("button", name="Zoom in").press("Enter")
    start, end = page.evaluate(ends, "chart-price")
    assert end - start == pytest.approx((to_ms - from_ms) / 2, rel=0.01)
    assert page.evaluate(ends, "chart-equity") == [start, end]
    page.get_by_role("button", name="Later").press("Enter")
    assert page.evaluate(ends, "chart-price")[1] == pytest.approx(to_ms, abs=2)
    page.get_by_role("button", name="All of the run").press("Enter")
    assert page.evaluate(ends, "chart-price") == pytest.approx([from_ms, to_ms], abs=2)
    page.get_by_role("button", name="Trade 2: show it in the price chart").press("Enter")
    start, end = page.evaluate(ends, "chart-price")
    trade = result.trades[1]
    assert start <= trade.opened_ns // 10**6 <= trade.closed_ns // 10**6 <= end
    assert page.evaluate("document.activeElement.id") == "price"
    assert page.locator("#zoom-said").inner_text().endswith("UTC")
    assert seen.complaints == []


def test_buy_and_hold_is_shown_when_asked_for(visit: Any) -> None:
    page = visit(small_run(1)).page
    names = "() => reportCharts.charts.get('chart-equity').getOption().series.map((s) => s.name)"
    assert page.evaluate(names) == ["equity", "drawdown"]
    button = page.get_by_role("button", name="Show buy and hold")
    button.press("Enter")
    assert page.evaluate(names) == ["equity", "drawdown", "buy and hold", "its drawdown"]
    assert button.get_attribute("aria-pressed") == "true"


def test_a_hostile_reason_is_text_in_a_tooltip_and_the_table(visit: Any) -> None:
    result = hostile(small_run(1))
    seen = visit(result)
    page = seen.page
    page.evaluate(
        "() => reportCharts.charts.get('chart-price').dispatchAction({type:'showTip', seriesIndex:3, dataIndex:0})"
    )
    page.evaluate(
        "() => reportCharts.charts.get('chart-price').dispatchAction({type:'showTip', seriesIndex:4, dataIndex:0})"
    )
    page.evaluate(
        "() => reportCharts.charts.get('chart-exits').dispatchAction({type:'showTip', seriesIndex:0, dataIndex:0})"
    )
    tips = page.evaluate("() => [...document.querySelectorAll('.chart > div')].map((box) => box.textContent).join(' ')")
    assert "onerror" in tips
    assert page.locator("img").count() == 0
    assert page.locator("#trade-rows td").last.inner_text() == result.trades[0].exit_reason.replace("\u2028", "\u2028")
    assert page.evaluate("window.pwned") is None


def test_the_policy_refuses_a_script_that_is_not_its_own(visit: Any) -> None:
    page = visit(small_run(0)).page
    page.evaluate("""() => {
      const script = document.createElement('script');
      script.textContent = 'window.pwned = 3';
      document.body.append(script);
    }""")
    assert page.evaluate("window.pwned") is None


def test_charts_follow_a_change_to_dark_and_print_in_light(visit: Any) -> None:
    seen = visit(small_run(1), DESKTOP, "light")
    page = seen.page
    ink = "() => reportCharts.charts.get('chart-equity').getOption().textStyle.color"
    light = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    for _ in range(100):  # the page is told of it in a later frame
        if page.evaluate(ink) != light:
            break
        page.wait_for_timeout(50)
    dark = page.evaluate(ink)
    assert dark != light
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(ink) == light
    assert page.locator("img.paper").count() == len(CHARTS)
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(ink) == dark
    assert page.locator("img.paper").count() == 0
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert seen.complaints == []


def test_it_can_be_read_without_seeing_it(visit: Any) -> None:
    """Every chart has a name that says what it shows; every figure of it is in a table with headings."""
    page = visit(small_run(3)).page
    for chart in page.locator(".chart").all():
        assert chart.get_attribute("role") == "img"
        assert len(chart.get_attribute("aria-label")) > 40
    for heads in page.locator("thead").all():
        assert heads.locator("th[scope=col]").count() >= 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("section:not([aria-labelledby])").count() == 0
    unnamed = (
        "() => [...document.querySelectorAll('button')].filter((b) => !(b.ariaLabel || b.textContent).trim()).length"
    )
    assert page.evaluate(unnamed) == 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id || location.hash") in {"trades", "#trades"}


def test_without_scripts_the_answer_is_still_there(browser: Any, tmp_path: Path) -> None:
    path = write_report(small_run(3), tmp_path)[0]
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    text = page.locator("main").inner_text()
    context.close()
    assert "Too few trades to say" in text
    assert "trades.csv beside this page has every trade" in text


@pytest.mark.parametrize("chart", ["chart-price", "chart-equity"])
def test_a_finger_on_a_chart_scrolls_the_page(chart: str, visit: Any) -> None:
    """A chart as wide as a phone must not be a trap: only its slider and buttons zoom there."""
    seen = visit(small_run(3), PHONE)
    page, touch = seen.page, seen.context.new_cdp_session(seen.page)
    page.evaluate("(id) => document.getElementById(id).scrollIntoView({block: 'center'})", chart)
    page.wait_for_timeout(100)
    box, before = page.locator(f"#{chart}").bounding_box(), page.evaluate("scrollY")
    x, y = box["x"] + 120, box["y"] + 170
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 16):
        point = {"x": x, "y": y - 12 * step}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        page.wait_for_timeout(20)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    for _ in range(50):
        if page.evaluate("scrollY") > before:
            break
        page.wait_for_timeout(50)
    assert page.evaluate("scrollY") > before
