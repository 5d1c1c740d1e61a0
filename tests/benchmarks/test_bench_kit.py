"""The benches' arithmetic and verdicts, and short runs of those that need no quiet machine."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.market.sim_market import stream_kind
from supreme_system_v5.commands import steady_load
from supreme_system_v5.commands.steady_exchange import START_NS, SteadyMarket
from tests.source_tree import ROOT

BENCHES = ("bench_live", "bench_memory", "bench_soak", "bench_start", "bench_throttle")


@pytest.fixture
def benches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def bench(name: str) -> ModuleType:
    return importlib.import_module(name)


def run(script: str, home: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """A bench in a process of its own: exit code, JSON, what it said."""
    out = home / "figures.json"
    paths = os.pathsep.join(filter(None, [str(ROOT / "python"), os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, "SUPREME_HOME": str(home), "PYTHONPATH": os.environ.get("PYTHONPATH") or paths}
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *arguments, "--json", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        timeout=110,
    )
    assert out.is_file(), done.stdout + done.stderr
    return done.returncode, json.loads(out.read_text()), done.stdout + done.stderr


def test_a_figure_at_its_limit_or_missing_is_a_miss(benches: None) -> None:
    kit = bench("bench_kit")
    assert kit.below("x", 0.999, 1.0, "MB").is_met
    for value in (1.0, 2.0, float("inf"), float("nan")):
        assert not kit.below("x", value, 1.0, "MB").is_met
    assert kit.enough("n", 1000, 1000).is_met
    assert not kit.enough("n", 999, 1000).is_met


def test_a_miss_is_exit_1_and_stands_in_the_report(benches: None, tmp_path: Path, capsys: Any) -> None:
    kit = bench("bench_kit")
    rows = [kit.below("cpu", 5.0, 4.0, "%"), kit.told("frames", "7")]
    file = tmp_path / "a" / "b.json"
    assert kit.finish("bench-x", "title", rows, {"figure": 1}, tmp_path, str(file)) == 1
    assert json.loads(file.read_text())["missed"] == ["cpu"]
    assert "MISSED" in capsys.readouterr().out
    assert kit.finish("bench-x", "title", rows[1:], {}, tmp_path, None) == 0
    assert json.loads((tmp_path / "bench-x.json").read_text())["ok"] is True


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_explains_itself(benches: None, name: str) -> None:
    module = bench(name)
    assert f"python benchmarks/{name}.py" in str(module.__doc__)
    assert "--json" in module.kit.parser(module.__doc__).format_help()


def test_live_verdicts_can_each_be_missed(benches: None) -> None:
    live = bench("bench_live")
    good = {
        "latency_ms": {"count": 1000, "p50": 0.1, "p95": 0.3},
        "frame_latency_ms": {"count": 9, "p50": 0.05, "p95": 0.2, "p99": 1.0},
        "cpu_percent": 2.0, "cpu_percent_watched": 2.5, "frames_per_second": 112.0, "rss_peak_mb": 50.0,
        "skip_ratio": 0.7, "exit_code": 0,
    }  # fmt: skip
    assert all(row.is_met is not False for row in live.rows_of("spot", good, 1000))
    bad: list[dict[str, Any]] = [
        {"latency_ms": {"count": 999, "p50": 0.1, "p95": 0.3}},
        {"latency_ms": {"count": 1000, "p50": 0.2, "p95": 0.3}},
        {"latency_ms": {"count": 1000, "p50": 0.1, "p95": 0.5}},
        {"frame_latency_ms": {"count": 9, "p50": 0.1, "p95": 0.2}},
        {"frame_latency_ms": {"count": 9, "p50": 0.05, "p95": 0.3}},
        {"cpu_percent": 3.0},
        {"rss_peak_mb": 64.0},
        {"exit_code": 1},
    ]
    for change in bad:
        assert sum(row.is_met is False for row in live.rows_of("spot", {**good, **change}, 1000)) == 1, change
    empty = {**good, "latency_ms": {}, "frame_latency_ms": {}}
    assert sum(row.is_met is False for row in live.rows_of("spot", empty, 1000)) == 5
    fast = {**good, "frames_per_second": 1000.0}
    for change, count in (({}, 0), ({"frames_per_second": 899.0}, 1), ({"cpu_percent": 12.0}, 1)):
        rows = live.rows_of_rate("usdm", 1000, {**fast, **change})
        assert sum(row.is_met is False for row in rows) == count, change


def test_throttle_verdicts(benches: None) -> None:
    throttle = bench("bench_throttle")
    good = {
        "levels": [0, 1, 2], "reached": 2, "wanted": 2, "frame_latency_ms": {"p95": 1.0, "count": 5000},
        "samples_with_position": 3, "unprotected_seconds_max": 0.0, "loop_lag_ms_p99": 1.0, "cpu_percent": 5.0,
        "exit_code": 3, "position_after": "kept",
    }  # fmt: skip
    assert all(row.is_met is not False for row in throttle.rows_of("memory", good))
    for change in (
        {"reached": 1},
        {"exit_code": 0},
        {"position_after": "LOST"},
        {"unprotected_seconds_max": 1.0},
        {"samples_with_position": 0},
        {"frame_latency_ms": {"p95": 5.0, "count": 5000}},
    ):
        assert sum(row.is_met is False for row in throttle.rows_of("memory", {**good, **change})) == 1, change


def test_the_fitted_line_begins_after_the_first_tenth() -> None:
    flat = [(hour / 10, 50.0) for hour in range(240)]
    warming = [(hour, 40.0 + 100 * hour if hour < 2 else 50.0) for hour, _ in flat]
    assert steady_load.growth_mb(flat) == 0.0
    assert steady_load.growth_mb(warming) == pytest.approx(0.0)
    leak = [(hour, 50.0 + hour / 8) for hour, _ in flat]
    assert steady_load.slope(leak) == pytest.approx(0.125)
    assert steady_load.growth_mb(leak) == pytest.approx(0.125 * 21.5, rel=0.02)
    assert steady_load.growth_mb([]) == steady_load.growth_mb([(1.0, 50.0)]) == 0.0


@pytest.mark.parametrize("rate", [5.0, 20.0])
def test_the_steady_market_keeps_its_rate(rate: float) -> None:
    market = SteadyMarket("usdm", 3, START_NS, rate)
    seconds, trades = 120, 0
    while market.next_ns() < START_NS + seconds * 1_000_000_000:
        trades += sum(stream_kind(frame.stream) == "trade" for frame in market.step())
    assert trades == pytest.approx(rate * seconds, rel=0.01, abs=5)
    for wrong in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(ValueError, match="trades a second"):
            SteadyMarket("usdm", 3, START_NS, wrong)


def test_a_short_soak_through_the_sockets(tmp_path: Path) -> None:
    code, figures, said = run("benchmarks/bench_soak.py", tmp_path, "--hours", "0.2", "--sample-seconds", "0.1")
    assert figures["trades"] >= 0.999 * 0.2 * 3600 * 20, said
    assert figures["exit_code"] == 0
    assert figures["gaps"] == {"simulated": 0}
    assert 0.6 <= figures["skip_ratio"] <= 0.8
    assert (code == 0) == figures["ok"]


def test_a_short_load_reports_the_skip_ratio(tmp_path: Path) -> None:
    arguments = ["--seconds", "120", "--speed", "20"]
    code, figures, said = run("scripts/load_single_symbol.py", tmp_path, *arguments)
    assert "skip ratio" in said
    assert figures["trades"] >= 0.999 * 120 * 20
    assert figures["cpu_percent"] < 85
    assert (code == 0) == figures["ok"]


def test_history_verdicts_and_a_short_run(benches: None, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -r requirements-research.txt")
    history = bench("bench_history")
    good = {
        "rows": 5e6, "csv_rows": 1e6, "bytes": 23e6, "write_s": 1.0, "read_s": 0.3, "read_alone_s": 0.3, "check_s": 1.0,
        "csv_s": 0.5, "read_cpu_s": 0.1, "read_mb": 100.0, "tenfold_mb": 105.0,
    }  # fmt: skip
    assert all(row.is_met is not False for row in history.rows_of(good))
    for change, count in (
        ({"read_s": 0.32}, 1),
        ({"csv_s": 0.7}, 1),
        ({"read_mb": 160.0}, 1),
        ({"tenfold_mb": 111.0}, 1),
        ({"tenfold_mb": 160.0}, 2),
    ):
        assert sum(row.is_met is False for row in history.rows_of({**good, **change})) == count, change
    code, document, said = run("benchmarks/bench_history.py", tmp_path, "--rows", "20000")
    assert code in (0, 1) and document["figures"]["rows"] == 20_000, said
    assert len(document["rows"]) == 11 and document["figures"]["read_mb"] > 20
