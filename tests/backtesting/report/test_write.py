"""The files: stable, exact, safe in a spreadsheet, whole or not there."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from supreme_system_v5.backtesting.report import write
from supreme_system_v5.backtesting.report.build import build_report
from supreme_system_v5.backtesting.report.write import csv_lines, write_report
from supreme_system_v5.backtesting.results import RoundTrip
from supreme_system_v5.core.domain.errors import ConfigError
from tests.backtesting.report.runs import random_bars, run_rule, small_run

GOLDEN = Path(__file__).parent / "golden_report.json"
NAMES = ["report.html", "report.json", "trades.csv", "trades.json"]


def trades_csv_of(trades: list[RoundTrip]) -> str:
    return "".join(csv_lines(trades))


def test_the_report_of_a_fixed_run_is_the_golden_one(tmp_path: Path) -> None:
    """A changed figure or field shows here. Where the change is meant, write the new text over the golden file."""
    write_report(run_rule(random_bars(3_000)), tmp_path)
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(GOLDEN.read_text())


def test_the_four_files_are_written_and_again(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    first = write_report(small_run(1), folder)
    assert [path.name for path in first] == NAMES
    assert write_report(small_run(1), folder) == first
    assert sorted(path.name for path in folder.iterdir()) == NAMES


def test_a_csv_reader_gets_the_exact_money_back() -> None:
    result = run_rule(random_bars(20_000))
    text = trades_csv_of(result.trades)
    assert text.endswith("\r\n")
    assert text.count("\r\n") == text.count("\n") == len(result.trades) + 1
    for row, trade in zip(csv.DictReader(io.StringIO(text, newline="")), result.trades, strict=True):
        assert Decimal(row["net"]) * 10**8 == trade.net_e8
        assert Decimal(row["gross"]) - Decimal(row["fees"]) + Decimal(row["funding"]) == Decimal(row["net"])
        assert int(row["closed_time_ns"]) == trade.closed_ns
        assert "e" not in row["net"].lower()


def test_reasons_cannot_break_a_row_or_run_in_a_spreadsheet() -> None:
    evil = ['=HYPERLINK("http://x","y")', "+1", "-1", "@a", 'a,"b"\r\nc', "\tx"]
    trades = [dataclasses.replace(small_run(1).trades[0], exit_reason=reason) for reason in evil]
    rows = list(csv.DictReader(io.StringIO(trades_csv_of(trades), newline="")))
    assert [row["exit_reason"] for row in rows] == [
        *(f"'{reason}" for reason in evil[:4]),
        evil[4],
        "'\tx",
    ]


def test_json_is_strict_and_money_is_text(tmp_path: Path) -> None:
    result = run_rule(random_bars(20_000))
    write_report(result, tmp_path)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    report = json.loads((tmp_path / "report.json").read_text(), parse_constant=refuse)
    trades = json.loads((tmp_path / "trades.json").read_text(), parse_constant=refuse)
    assert report["schema_version"] == trades["schema_version"] == 1
    assert report["verdict"]["kind"] == build_report(result).verdict.kind
    assert sum(Decimal(trade["net"]) for trade in trades["trades"]) == Decimal(report["trades"]["net"])
    assert sum(Decimal(group["net"]) for group in report["by_hour_utc"].values()) == Decimal(report["costs"]["net"])
    assert Decimal(report["result"]["initial"]) + Decimal(report["result"]["net"]) == Decimal(
        report["result"]["final_equity"]
    )


def test_a_simulated_market_is_marked_everywhere(tmp_path: Path) -> None:
    page, report, rows, trades = write_report(dataclasses.replace(small_run(2), is_simulated=True), tmp_path)
    assert "SIMULATED market</span></h1>" in page.read_text()
    assert json.loads(report.read_text())["data"]["is_simulated"] is True
    assert [row["is_simulated"] for row in csv.DictReader(io.StringIO(rows.read_text()))] == ["true", "true"]
    assert [row["is_simulated"] for row in json.loads(trades.read_text())["trades"]] == [True, True]


def test_edges_have_files_too(tmp_path: Path) -> None:
    bare = dataclasses.replace(small_run(0), equity=[], candles=[], sources=[], first_mark_e8=0, unknown=[], model={})
    huge = dataclasses.replace(small_run(3), initial_e8=10**30, final_equity_e8=-(10**30))
    for number, result in enumerate((bare, huge, dataclasses.replace(bare, to_ns=bare.from_ns))):
        write_report(result, tmp_path / str(number))


def test_names_with_broken_text_are_written(tmp_path: Path) -> None:
    write_report(dataclasses.replace(small_run(1), strategy="\udc80 \u2028 \U0001f600"), tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["strategy"].endswith("\U0001f600")


def test_a_file_in_the_way_is_an_error_for_a_person(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write the report into") as told:
        write_report(small_run(0), tmp_path / "file")
    assert told.value.remedy


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at the last moment: the report of before is whole, and no half file lies beside it."""
    write_report(small_run(1), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        write_report(small_run(3), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
