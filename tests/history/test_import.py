"""Files into the store by `import-data`, and `check-data`: the recordings, files in a bad state, files that overlap."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -r requirements-research.txt")

from supreme_system_v5.core.domain.errors import ConfigError
from supreme_system_v5.history.import_files import import_files, survey_files
from supreme_system_v5.history.kinds import DataError
from supreme_system_v5.history.open import SourceQuery, open_data
from supreme_system_v5.history.store import Store
from tests.history.files import DAY0_MS, agg_csv, bar_rows, kline_csv, some_bars, some_trades, trade_rows, write
from tests.history.venue import day_files
from tests.source_tree import ROOT

HOUR = 3_600_000


def stored_bars(home: Path, market: str = "spot") -> list[tuple[int, ...]]:
    return bar_rows(open_data("", home, SourceQuery(market=market, kind="bars")).bars())


def test_bars_by_day_and_again_the_same_bytes(tmp_path: Path) -> None:
    rows = some_bars(3_000, DAY0_MS + 5 * HOUR)
    path = write(tmp_path / "ETHUSDT-1m-2024-08.zip", kline_csv(rows))
    home = tmp_path / "data"
    done = import_files(Store(home), str(path), "", "spot", False)
    assert [day.isoformat() for day in done.days] == ["2024-08-01", "2024-08-02", "2024-08-03"]
    assert done.report.is_clean and done.series == ("spot", "ETHUSDT", "bars")
    assert stored_bars(home) == rows
    files = day_files(home)
    import_files(Store(home), str(path), "ETH-USDT", "spot", False)
    assert day_files(home) == files


def test_files_that_share_a_day_are_put_together(tmp_path: Path) -> None:
    rows = some_bars(2_000, DAY0_MS + 20 * HOUR)
    home = tmp_path / "data"
    whole = tmp_path / "whole"
    parts = [rows[1_200:], rows[:500], rows[400:1_300]]  # out of order, and overlapping
    for n, part in enumerate(parts):
        import_files(Store(home), str(write(tmp_path / f"{n}.csv", kline_csv(part))), "ETH-USDT", "spot", False)
    assert stored_bars(home) == rows
    import_files(Store(whole), str(write(tmp_path / "whole.csv", kline_csv(rows))), "ETH-USDT", "spot", False)
    assert day_files(home) == day_files(whole)


def test_a_file_in_a_bad_state_is_sorted_cleaned_and_told(tmp_path: Path) -> None:
    rows = some_trades(5_000, DAY0_MS + 23 * HOUR)
    mixed = [*rows, *rows[100:110]]
    random.Random(3).shuffle(mixed)
    path = write(tmp_path / "mixed.csv", agg_csv(mixed))
    with pytest.raises(DataError, match="goes back in time"):
        trade_rows(open_data(str(path), tmp_path).trades())
    report = survey_files(str(path))
    assert not report.is_clean and report.totals["duplicate"] == 10 and report.totals["order"] > 4_000
    done = import_files(Store(tmp_path / "data"), str(path), "ETH-USDT", "spot", False)
    assert done.report.totals["duplicate"] == 10 and len(done.days) == 2
    found = open_data("", tmp_path / "data", SourceQuery(market="spot", kind="trades"))
    assert trade_rows(found.trades()) == rows


def test_what_cannot_be_imported(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    bars = write(tmp_path / "bars.csv", kline_csv(some_bars(10)))
    hours = write(tmp_path / "ETHUSDT-spot.csv", kline_csv(some_bars(10, step_ms=HOUR)))
    frames = write(tmp_path / "spot_ethusdt.jsonl", '{"recv_ns":1,"frame":{}}\n')
    nothing = write(tmp_path / "spot_ETHUSDT.csv", "open_ms,open,high,low,close,volume\n")
    for path, symbol, market, words in [
        (bars, "", "spot", "does not say which symbol"),
        (bars, "ETH-USDT", "", "does not say which market"),
        (hours, "", "spot", "has bars of 3600 s"),
        (frames, "", "", "holds recorded frames"),
    ]:
        with pytest.raises(ConfigError, match=words):
            import_files(store, str(path), symbol, market, False)
    with pytest.raises(DataError, match="there is no row"):
        import_files(store, str(nothing), "", "", False)
    assert not store.folder.exists() or not day_files(store.folder)


def run(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SUPREME_HOME": str(home), "OPTIMIZED_MODE": "false"}
    command = [sys.executable, str(ROOT / "main.py"), *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_recorded_files_by_the_commands(data_dir: Path, tmp_path: Path) -> None:
    bars = data_dir / "bars_1m" / "spot_ETHUSDT_20210420_20210520.csv.gz"
    checked = run("check-data", "--file", str(bars), home=tmp_path)
    assert checked.returncode == 1  # a fault was found
    assert "gap: 2021-04-25 04:01 to 2021-04-25 08:45: 284 bars missing (reported)" in checked.stdout
    done = run("import-data", "--file", str(bars), home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "31 days of bars of spot ETHUSDT" in done.stdout and "284 bars missing" in done.stdout
    assert len(stored_bars(tmp_path / "data")) == 42_915
    of_store = run("check-data", "--market", "spot", "--json", home=tmp_path)
    (report,) = json.loads(of_store.stdout)["reports"]
    assert of_store.returncode == 1 and report["totals"]["gap"] == 284 and report["rows_in"] == 42_915

    for name in ("spot_ethusdt_20240808_trades.csv.gz", "usdm_ethusdt_20240808_trades.csv.gz"):
        trades = run("import-data", "--file", str(data_dir / "frames" / name), home=tmp_path)
        assert trades.returncode == 0, trades.stderr
        market = name.partition("_")[0]
        source = trade_rows(open_data(str(data_dir / "frames" / name), tmp_path).trades())
        assert trade_rows(open_data("", tmp_path / "data", SourceQuery(market, kind="trades")).trades()) == source


def test_check_data_on_a_clean_file_and_on_nothing(tmp_path: Path) -> None:
    clean = write(tmp_path / "spot_ETHUSDT.csv", kline_csv(some_bars(100)))
    assert run("check-data", "--file", str(clean), home=tmp_path).returncode == 0
    nothing = run("check-data", home=tmp_path)
    assert nothing.returncode == 2 and "there is nothing of usdm ETH-USDT" in nothing.stderr
    assert run("import-data", home=tmp_path).returncode == 2
