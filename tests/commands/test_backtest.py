"""`backtest`, as a user runs it: over bars and trades, twice the same, nothing touched but its report."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.backtesting.series import generated_trades
from tests.source_tree import ROOT

pytest.importorskip("pyarrow", reason="pyarrow reads the data (requirements-research.txt)")


def backtest(home: Path, *words: str, **keys: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SUPREME_")}
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), "backtest", *words],
        env={**clean, "SUPREME_HOME": str(home), **keys},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def found(home: Path, path: Path, **keys: str) -> dict[str, Any]:
    done = backtest(home, "--json", "--data", str(path), **keys)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture
def trades_file(tmp_path: Path) -> Path:
    """Forty minutes of generated trades in the form of Binance's archives."""
    path = tmp_path / "ETHUSDT-aggTrades-2024-08-09.csv"
    lines = ["agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"]
    for time_ms, number, price_e8, quantity_e8, is_maker in generated_trades(40_000, 5):
        cells = (number, price_e8 / 1e8, quantity_e8 / 1e8, number, number, time_ms, str(is_maker).lower())
        lines.append(",".join(map(str, cells)))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def bars_file(tmp_path: Path) -> Path:
    path = tmp_path / "bars.csv.gz"
    lines = ["open_ms,open,high,low,close,volume"]
    for minute in range(300):
        price = 2000 + (minute * 7) % 31
        lines.append(f"{1_723_161_600_000 + 60_000 * minute},{price},{price + 2},{price - 2},{price + 1},12.5")
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
def test_trades_twice_and_pure_give_one_digest(tmp_path: Path, trades_file: Path) -> None:
    home = tmp_path / "home"
    first = found(home, trades_file, BAR_SECONDS="5")
    assert first["events"] > 40_000
    assert first["digest"] == found(home, trades_file, BAR_SECONDS="5")["digest"]
    assert first["digest"] == found(home, trades_file, BAR_SECONDS="5", OPTIMIZED_MODE="false")["digest"]
    assert first["digest"] != found(home, trades_file, BAR_SECONDS="5", STRATEGY="template")["digest"]
    assert all(Path(name).is_file() for name in first["files"])


def test_nothing_but_a_report_is_written(tmp_path: Path, bars_file: Path) -> None:
    home = tmp_path / "home"
    done = backtest(home, "--data", str(bars_file))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in home.iterdir()} == {"run_artifacts"}
    assert "bars.csv.gz" in done.stdout or "digest" in done.stdout.lower()


@pytest.mark.parametrize(
    ("words", "keys", "complaint"),
    [
        ((), {"BAR_SECONDS": "300"}, "BAR_SECONDS=300"),
        ((), {"BACKTEST_FILLS": "guess"}, "BACKTEST_FILLS"),
        (("--from", "2030-01-01"), {}, "nothing in the data"),
        (("--from", "yesterday"), {}, "FROM=yesterday"),
        (("--kind", "candles"), {}, "KIND=candles"),
        ((), {"STRATEGY": "no_such"}, "STRATEGY=no_such"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, bars_file: Path, words: tuple[str, ...], keys: dict[str, str], complaint: str
) -> None:
    done = backtest(tmp_path / "home", "--data", str(bars_file), *words, **keys)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_the_simplest_fills_are_for_bars(tmp_path: Path, trades_file: Path) -> None:
    done = backtest(tmp_path / "home", "--data", str(trades_file), BACKTEST_FILLS="simplest")
    assert done.returncode == 2
    assert "for bars" in done.stderr
