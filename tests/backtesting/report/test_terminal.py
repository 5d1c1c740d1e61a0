"""The terminal's report: 80 columns, the verdict, every part of it, and no control character of a name."""

from __future__ import annotations

import dataclasses
import re

import pytest

from supreme_system_v5.backtesting.report.terminal import COLUMNS, terminal_summary
from supreme_system_v5.backtesting.results import BacktestResult, DataSource
from tests.backtesting.report.runs import random_bars, run_rule, small_run

RUNS = {
    "none": small_run(0),
    "one": small_run(1),
    "many": run_rule(random_bars(45 * 1_440)),
    "open": dataclasses.replace(run_rule(random_bars(3_011), hold=3_000), is_funding_known=False),
}


def section(text: str, title: str) -> str:
    return text.split(f"\n{title}", 1)[1].split("\n\n", 1)[0]


@pytest.mark.parametrize("name", list(RUNS))
def test_it_fits_80_columns_and_has_every_part(name: str) -> None:
    text = terminal_summary(RUNS[name])
    assert max(map(len, text.splitlines())) <= COLUMNS
    parts = (
        "Result",
        "Beside buy and hold",
        "Trades",
        "Costs, USDT",
        "Data",
        "How fills were made",
        "What bars cannot",
    )
    for part in parts:
        assert f"\n{part}" in text, part
    assert "nan" not in text.lower()
    assert "inf" not in text.lower().replace("info", "")


def test_the_verdict_comes_first() -> None:
    lines = terminal_summary(RUNS["many"]).splitlines()
    assert lines[3] == ">> Loses money after costs"
    assert lines[1].endswith("UTC (45 d)")


def test_data_model_and_what_cannot_be_known_are_shown() -> None:
    result = RUNS["many"]
    text = terminal_summary(result)
    assert result.sources[0].name in text
    assert f"64,800 rows, sha256 {result.sources[0].sha256[:16]}" in text
    assert "a gap fills at the open" in section(text, "How fills were made")
    assert all(sentence[:40] in text for sentence in result.unknown)


def test_costs_are_split_and_add_up() -> None:
    result = RUNS["many"]
    lines = section(terminal_summary(result), "Costs, USDT").splitlines()
    found = {line[2:24].strip(): line[24:].split()[0] for line in lines if line.strip()}
    amounts = [
        float(found[name].replace(",", "")) for name in ("before costs", "fees", "spread", "slippage", "funding")
    ]
    assert sum(amounts) == pytest.approx(float(found["net of closed trades"].replace(",", "")), abs=3e-4)


def test_an_open_position_and_unknown_funding_are_said() -> None:
    text = " ".join(terminal_summary(RUNS["open"]).split())
    assert "A position was open at the end" in text
    assert re.search(r"funding [-+]?\d\.\d{4} unknown: not charged", text)
    assert "the open position and its fees" in text


def test_no_trade_says_why_not() -> None:
    text = terminal_summary(RUNS["none"])
    assert ">> Too few trades to say" in text
    assert "8 cool_down, 3 spread" in text


def test_a_simulated_market_is_marked() -> None:
    assert "SIMULATED" not in terminal_summary(RUNS["one"])
    assert "SIMULATED market" in terminal_summary(dataclasses.replace(RUNS["one"], is_simulated=True)).splitlines()[2]


def test_control_characters_of_names_are_not_printed() -> None:
    evil = "\x1b[2J\x07bars\r\n.csv"
    hostile = dataclasses.replace(
        small_run(1),
        strategy=evil,
        sources=[DataSource(evil * 20, 1, "\x1b" * 64)],
        unknown=[f"{evil} {'x' * 300}"],
        model={evil: evil},
        refusals={evil: 1},
    )
    text = terminal_summary(hostile)
    assert not [char for char in text if char != "\n" and not char.isprintable()]
    assert max(map(len, text.splitlines())) <= COLUMNS


def test_many_files_are_named_in_part() -> None:
    result: BacktestResult = dataclasses.replace(
        small_run(0), sources=[DataSource(f"2024-08-{day:02d}.csv", 1_440, "ab" * 32) for day in range(1, 31)]
    )
    assert "and 25 files more, 43,200 rows in all" in terminal_summary(result)
