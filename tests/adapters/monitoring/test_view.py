"""What a person sees, on sample data, on missing data, at every width."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supreme_system_v5.adapters.monitoring import text
from supreme_system_v5.adapters.monitoring.view import banner, status_line, status_page, summary
from tests.adapters.monitoring.sample import flat_status, sample_status

INFO: dict[str, Any] = {
    "version": "0.1.0",
    "mode": "paper",
    "market": "usdm",
    "symbol": "ETH-USDT",
    "source": "simulated",
    "source_class": "simulated",
    "core": "pure",
    "balance": "10000",
    "max_ram_mb": 450,
    "max_cpu_percent": 85,
    "urls": {"metrics": "http://127.0.0.1:9108/metrics"},
    "duration_seconds": 120,
    "failed_sources": [
        {"source": "binance", "reason": "name not resolved"},
        {"source": "coingecko", "reason": "timed out after 2 s"},
    ],
    "left_open_elsewhere": flat_status()["left_open_elsewhere"],
    "notes": ["demo: a scripted market"],
}

# Everything a status may hold instead of what it should.
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_banner_says_everything_a_newcomer_needs() -> None:
    shown = banner(INFO)
    for part in (
        "PAPER",
        "SIMULATED",
        "ETH-USDT",
        "USD-M",
        "binance not reachable: name not resolved",
        "coingecko not reachable: timed out after 2 s",
        "pure Python",
        "450 MB RAM, 85 % of one CPU",
        "http://127.0.0.1:9108/metrics",
        "make stop",
        "make emergency-stop",
        "by itself after 2 min 00 s",
        "LEFT OPEN",
        "demo: a scripted market",
    ):
        assert part in shown, part
    assert "\x1b" not in shown
    assert sum("not reachable" in line for line in shown.splitlines()) == 2
    assert max(map(len, shown.splitlines())) <= 80


def test_banner_of_the_real_market_says_nothing_of_simulation() -> None:
    shown = banner(
        {**INFO, "source": "binance", "source_class": "real", "left_open_elsewhere": [], "failed_sources": []}
    )
    assert "SIMULATED" not in shown
    assert "simulated" not in shown


def test_status_line_holds_all_its_fields() -> None:
    line = status_line(flat_status())
    for part in ("3,412.55", "flat", "net +10.76", "skip 70 %", "p95 0.081 ms", "RSS 52 MB", "CPU 2 %"):
        assert part in line, part
    assert line.endswith("RSI 44, needs < 30; last < 30 was 37 bars ago")
    assert status_line(sample_status()).startswith("SIMULATED")


def test_at_80_columns_the_usual_line_still_says_why_and_everything_else() -> None:
    line = status_line(flat_status(), 80)
    for part in ("flat", "net +10.76", "skip 70%", "p95 0.081ms", "52MB", "CPU 2%", "RSI 44, needs < 30"):
        assert part in line, part


@pytest.mark.parametrize("state", ["halted", "stopping", "reduce_only"])
def test_a_mode_without_entries_is_the_first_reason(state: str) -> None:
    assert f"| {state.replace('_', ' ')}: RSI" in status_line({**flat_status(), "state": state})


@given(st.integers(1, 200), st.booleans())
def test_nothing_is_wider_than_the_terminal(width: int, is_color: bool) -> None:
    for status in (sample_status(), flat_status(), {}):
        line = status_line(status, width, is_color)
        assert text.visible_length(line) <= width
        assert "\n" not in line
        page = status_page(status, width, 0, is_color)
        assert all(text.visible_length(row) <= max(40, width) for row in page.splitlines())


def test_page_shows_position_result_and_reasons() -> None:
    for width in (60, 80, 140):
        page = status_page(sample_status(), width)
        flat = " ".join(page.split())
        for part in (
            "SIMULATED",
            "why no trade",
            "in position; exits are watched on every event",
            "LONG 0.058 @ 3,400.10",
            "3,366.09 (-1.36 %)",
            "3,468.10 (+1.63 %)",
            "in 12 min 03 s",
            "-4.02 3.11 -0.02 -7.15",
            "10,011.48 USDT",
            "spread 12, in position 3,",
            "in 23 s at the latest",
            "trade 210 ms, quote 4 ms",
            "16,214 seen, 70.0 % skipped",
            "52 MB of 450",
            "compiled core",
        ):
            assert part in flat or part in page, (width, part)


def test_page_shows_trouble() -> None:
    page = " ".join(status_page(flat_status(), 140).split())
    for part in ("consecutive losses open", "CPU: intervals x4", "○ down", "unattended: SIMULATED -0.041"):
        assert part in page, part
    status = sample_status()
    status["position"].update(is_protected=False, unprotected_seconds=4)
    assert "UNPROTECTED for 4 s" in status_page(status, 80)


def test_page_keeps_to_its_height() -> None:
    page = status_page(sample_status(), 80, 12)
    assert len(page.splitlines()) == 12
    assert "enlarge the window" in page
    assert "enlarge" not in status_page(sample_status(), 80, 60)


def test_every_block_with_a_price_says_simulated() -> None:
    page = status_page(sample_status(), 80)
    for block in ("MARKET", "POSITION", "RESULT"):
        assert f"{block} (SIMULATED)" in page
    assert "SIMULATED" not in status_page({**flat_status(), "left_open_elsewhere": []}, 80)


def test_summary_tells_what_is_left_open() -> None:
    shown = " ".join(summary(sample_status(), "DURATION reached", "run_artifacts/x").split())
    for part in (
        "SIMULATED",
        "12 min 34 s, ended: DURATION reached",
        "2 closed",
        "gross +12.15 fees 1.39 funding 0.00 net +10.76",
        "70.0 % skipped",
        "RSS peak 54 MB",
        "start 2026-11-06 21:07:25 UTC",
        "LEFT OPEN LONG 0.058 @ 3,400.10 (SIMULATED), stop 3,366.09; nothing watches it",
        "checked against the market's history at the next start; to close now: make emergency-stop",
        "run_artifacts/x",
    ):
        assert part in shown, part
    assert "position flat" in " ".join(summary({**flat_status(), "trades_session": 0}).split())
    none = " ".join(summary({**flat_status(), "trades_session": 0}).split())
    assert "none closed: signals long 3, short 1, refused spread 12, in position 3, cooldown 1" in none
    none = summary({**flat_status(), "trades_session": 0, "signals": {"long": 0, "short": 0}})
    assert "none closed: no signal met the rule" in none


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*sample_status(), *INFO]), junk, max_size=12), st.integers(10, 150))
def test_junk_never_breaks_a_view(replaced: dict[str, Any], width: int) -> None:
    status = {**sample_status(), **replaced}
    status_line(status, width)
    status_page(status, width, 24, True)
    summary(status)
    banner({**INFO, **replaced})


def test_inner_fields_may_be_missing_too() -> None:
    for key, value in sample_status().items():
        if isinstance(value, dict):
            for inner in value:
                status = sample_status()
                status[key][inner] = None
                assert status_page(status, 80)
                assert status_line(status)
                assert summary(status)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.price("3412.5"), "3,412.50"),
        (text.price("0"), "-"),
        (text.price("NaN"), "-"),
        (text.signed("0.001"), "0.00"),
        (text.signed("-0.001"), "0.00"),
        (text.signed("-12.346"), "-12.35"),
        (text.signed("1234.5"), "+1,234.50"),
        (text.duration(59.9), "59 s"),
        (text.duration(3_700), "1 h 01 min"),
        (text.duration(200_000), "2 d 7 h"),
        (text.milliseconds(0.0834), "0.083 ms"),
        (text.milliseconds(12.3), "12 ms"),
        (text.age(2_340), "2.3 s"),
        (text.quantity("0.05800000"), "0.058"),
        (text.quantity("100"), "100"),
        (text.percent(0.7), "70 %"),
        (text.tally({"a_b": 2, "c": 5, "d": 0}), "c 5, a b 2"),
        (text.tally({}), "none"),
        (text.fit("abcdef", 4), "abc…"),
        (text.pad("ab", 4), "ab  "),
        (text.to_encoding("── ● …", "ascii"), "-- * ~"),
        (text.to_encoding("── ● …", "utf-8"), "── ● …"),
    ],
)
def test_pieces_of_text(shown: str, expected: str) -> None:
    assert shown == expected


@given(st.text("ab \x1b", max_size=60), st.integers(1, 30))
def test_wrap_loses_no_word_that_fits(line: str, width: int) -> None:
    line = " ".join(word for word in line.replace("\x1b", "").split() if len(word) <= width)
    parts = text.wrap(line, width)
    assert " ".join(parts).split() == line.split()
    assert all(text.visible_length(part) <= width for part in parts)


def test_views_are_light() -> None:
    """The status line lives in the daemon: importing it must not bring a terminal library along."""
    code = (
        "import sys; import supreme_system_v5.adapters.monitoring.view;"
        "heavy = ('rich', 'asyncio', 'aiohttp', 'prometheus_client', 'loguru', 'psutil');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


RECORDING = {
    "state": "on",
    "reason": "",
    "bytes": 3_300_000,
    "segments": 1,
    "dropped_recordings": 0,
    "dropped_segments": 0,
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "3.1 MB, 1 segment"),
        ({"segments": 4, "dropped_recordings": 2}, "3.1 MB, 4 segments; dropped: 2 older recordings, 0 segments"),
        ({"state": "ended", "reason": "memory pressure"}, "ended: memory pressure; 3.1 MB"),
        ({"state": "failed", "reason": "No space left"}, "NOT RECORDED: No space left"),
    ],
)
def test_a_recording_is_told_on_the_page_and_in_the_summary(changes: dict[str, Any], words: str) -> None:
    status = {**sample_status(), "recording": {**RECORDING, **changes}}
    for shown in (status_page(status, 200), summary(status)):
        assert words in " ".join(shown.split())
    without = {**sample_status(), "recording": {"state": "off", "reason": ""}}
    assert "recording" not in status_page(without, 200) + summary(without)
