"""`lookahead-check`: the tables, the verdict and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="reading history needs pyarrow (requirements-research.txt)")

from supreme_system_v5 import cli
from supreme_system_v5.backtesting.bias import CUT, WARM_UP, BiasReport, CutRow, Difference, WarmRow, check_bias
from supreme_system_v5.backtesting.bias_columns import ColumnsRunner
from supreme_system_v5.backtesting.models import FillModel
from supreme_system_v5.commands.lookahead_check import render
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.money import plain_e8
from supreme_system_v5.core.domain.parameters import Parameters
from tests.backtesting.bias_strategies import Normalised
from tests.backtesting.frames_world import generated_lines, write_lines
from tests.backtesting.made_bars import MINUTE_MS, generated_bars
from tests.backtesting.series import bar_chunks

SECOND = 1_000_000_000
NO = Difference(CUT, 90 * SECOND, 61 * SECOND, "signal long 0.70", "")


def bars_file(folder: Path, count: int) -> Path:
    rows = [",".join([str(row[0]), *(plain_e8(value) for value in row[1:])]) for row in generated_bars(count, 1)]
    path = folder / "usdm_ETHUSDT_made.csv"
    path.write_text("\n".join(["open_ms,open,high,low,close,volume", *rows]) + "\n")
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPREME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAX_CONSECUTIVE_LOSSES", "1000")


def run(folder: Path, *words: str) -> int:
    return cli.main(["lookahead-check", *words], folder)


def test_an_honest_strategy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(tmp_path, "--cuts", "2", "--data", str(bars_file(tmp_path, 1_500)))
    said = capsys.readouterr()
    assert code == 0, said
    assert "OK: nothing that was decided depends on what came later" in said.out
    assert "bars of warm-up suffice" in said.out
    assert "cut 2 of 2" in said.err


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--json", "--cuts", "1", "--data", str(bars_file(tmp_path, 700))) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["is_ok"] is True and document["first"] is None
    assert len(document["cuts"]) == 1 and document["warm_up"] == []
    assert "1000 are needed" in document["warm_note"]


def test_frames_have_no_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lines(tmp_path / "made.jsonl", generated_lines("usdm", 3.0))
    assert run(tmp_path, "--data", str(path), "--from", "2024-08-08") == 2
    assert "FROM and TO are for bars and trades" in capsys.readouterr().err


def test_the_one_who_looks_ahead_is_named() -> None:
    parameters = Parameters(max_consecutive_losses=1_000)
    rows = generated_bars(1_200, 2)
    runner = ColumnsRunner(
        parameters, eth_usdt("usdm"), FillModel(), MINUTE_MS, lambda: iter(bar_chunks(rows)), Normalised
    )
    report = check_bias(runner, 2, 5)
    text = render(report, "normalised")
    found = report.first
    assert found is not None
    assert "FAILED: a decision depends on data after 1970-01-01" in text
    assert (found.whole or "nothing") in text and (found.changed or "nothing") in text
    assert "DIFFERS from" in text


def test_the_words_of_the_tables() -> None:
    cuts = [CutRow(90 * SECOND, 0.5, 3, NO, None)]
    text = render(BiasReport(7, cuts, [], [], None, "the data holds 5 bars"), "scalping")
    assert "Warm-up: not checked: the data holds 5 bars." in text
    assert "with the whole data  signal long 0.70" in text and "with the data cut    nothing" in text
    late = Difference(WARM_UP, 0, 61 * SECOND, "signal short 0.8", "signal short 0.9")
    warm = [WarmRow(500, 4, late), WarmRow(1_000, 4, None)]
    text = render(BiasReport(7, [CutRow(90 * SECOND, 0.5, 3, None, None)], warm, [0], None, ""), "scalping")
    assert "FAILED: 500 bars of warm-up or more are not enough" in text
    assert "No length that was tried suffices" in text
    quiet = render(BiasReport(0, [CutRow(90 * SECOND, 0.5, 0, None, None)], [], [], None, "no"), "scalping")
    assert "There was no decision to compare before any cut" in quiet
