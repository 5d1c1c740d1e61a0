"""The bench of the backtest: it measures the command, says where the time goes, and misses what it must miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.test_bench_kit import run

pytest.importorskip("pyarrow", reason="pyarrow writes what is measured (requirements-research.txt)")


@pytest.mark.slow
def test_a_small_run_has_every_figure_and_misses_what_the_start_eats(tmp_path: Path) -> None:
    options = "--trades 20000 --long-trades 30000 --rounds 1".split()
    code, found, said = run("benchmarks/bench_backtest.py", tmp_path, *options)
    assert code == 1, said  # of so few trades the start of the process is nearly everything
    assert "trades, whole process" in found["missed"]
    names = {row["name"] for row in found["rows"]}
    assert {"trades, engine", "bars of a minute, engine", "RSS on 0.02 M trades"} <= names
    assert sum("where the time goes" in name for name in names) == 1
    assert found["runs"]["trades"][0]["events"] >= 20_000
    assert found["runs"]["no passes"][0]["engine_s"] > 0
