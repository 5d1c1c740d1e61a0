"""How fast a backtest is, and where the time goes: the command itself, on generated trades and bars.

    python benchmarks/bench_backtest.py [--trades N] [--long-trades N] [--rounds N] [--json FILE]

Every figure is the median of the rounds, each a process of its own: `main.py backtest --json` with the default
settings, all indicators, protective exits and the paper venue. "engine" is the time inside the loop, "whole process"
the wall time from start to exit with the report written. The trades are generated (seeded) like recorded ones on
spot: 22.4 a second, two thirds in the millisecond of the one before, sizes log-normal around 0.0078 ETH. The parts are
found by taking parts away. Exit 1 when a target is missed. Needs numpy and pyarrow.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import bench_kit as kit
import numpy as np

from supreme_system_v5.commands.bench_light import Row
from supreme_system_v5.history.columns import ROWS_MAX, BarChunk, TradeChunk
from supreme_system_v5.history.parquet import DayWriter

START_MS = 1_722_470_400_000
TRADES_A_MS = 0.0224
SAME_MS = 0.66
SIZE_MEDIAN, SIZE_SIGMA, SIZE_MAX = 0.0078, 2.69, 52.2
MONTH_BARS = 43_200
# A gate that lets next to nothing pass: what is left is what every trade costs.
NO_PASSES = {
    "MIN_PRICE_CHANGE_PCT": "0.9",
    "VOLUME_THRESHOLD": "1000",
    "GATE_TARGET_SKIP": "",
    "SCALPING_INTERVAL_MIN": "86400",
    "SCALPING_INTERVAL_MAX": "86400",
}


class Run(NamedTuple):
    """One process: its wall seconds, its peak memory, and what it says of itself."""

    wall_s: float
    rss_mb: float
    engine_s: float
    events: int


def write_trades(path: Path, rows: int, seed: int) -> None:
    """A Parquet file of so many trades."""
    rng = np.random.default_rng(seed)
    writer = DayWriter(path, "trades")
    time_ms, price, number = float(START_MS), 2500.0, 1
    for start in range(0, rows, ROWS_MAX):
        count = min(ROWS_MAX, rows - start)
        is_same = rng.random(count) < SAME_MS
        steps = np.where(is_same, 0.0, np.ceil(rng.exponential(1.0 / (TRADES_A_MS * (1.0 - SAME_MS)), count) - 0.5))
        times = time_ms + np.cumsum(steps)
        moves = np.where(is_same, 0.0, rng.normal(0.0, 0.11, count))
        prices = np.maximum(np.round((price + np.cumsum(moves)) * 100.0), 1.0)
        sizes = np.clip(np.round(rng.lognormal(np.log(SIZE_MEDIAN), SIZE_SIGMA, count) * 1e4), 1, SIZE_MAX * 1e4)
        columns = [
            times.astype("<i8").tobytes(),
            np.arange(number, number + count, dtype="<i8").tobytes(),
            (prices.astype("<i8") * 1_000_000).tobytes(),
            (sizes.astype("<i8") * 10_000).tobytes(),
            (rng.random(count) < 0.5).astype(np.uint8).tobytes(),
        ]
        writer.add(TradeChunk(count, *columns))
        time_ms, price, number = float(times[-1]), float(prices[-1]) / 100.0, number + count
    writer.close({})


def write_bars(path: Path, rows: int, seed: int) -> None:
    """A Parquet file of so many 1-minute bars."""
    rng = np.random.default_rng(seed)
    closes = np.round(2500.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0006, rows))) * 100.0)
    opens = np.concatenate([[250_000.0], closes[:-1]])
    highs = np.maximum(opens, closes) + rng.integers(0, 80, rows)
    lows = np.maximum(np.minimum(opens, closes) - rng.integers(0, 80, rows), 1.0)
    times = START_MS + 60_000 * np.arange(rows)
    prices = [(column.astype("<i8") * 1_000_000) for column in (opens, highs, lows, closes)]
    volumes = np.round(rng.lognormal(3.0, 1.0, rows) * 1e4).astype("<i8") * 10_000
    columns = [times.astype("<i8"), *prices, volumes]
    writer = DayWriter(path, "bars")
    for start in range(0, rows, ROWS_MAX):
        part = [column[start : start + ROWS_MAX].tobytes() for column in columns]
        writer.add(BarChunk(len(part[0]) // 8, *part))
    writer.close({})


class Bench:
    """Files in a folder, and runs over them."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.runs: dict[str, list[Run]] = {}

    def run(self, name: str, path: Path, rounds: int = 0, **keys: str) -> list[Run]:
        """The command over a file, so many times."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SUPREME_")}
        environment = {**clean, "SUPREME_HOME": str(self.folder / "home"), **keys}
        command = [sys.executable, str(kit.CLONE / "main.py"), "backtest", "--json", "--data", str(path)]
        found = []
        for _ in range(rounds or self.rounds):
            start = time.perf_counter()
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert process.stdout is not None and process.stderr is not None
            text, complaint = process.stdout.read(), process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall_s = time.perf_counter() - start
            if process.returncode != 0:
                raise SystemExit(f"{name}: the backtest ended with {process.returncode}: {complaint.decode()[-600:]}")
            said = json.loads(text)
            found.append(Run(wall_s, usage.ru_maxrss / 1024, said["elapsed_seconds"], said["events"]))
        self.runs[name] = found
        return found


def engine_rate(runs: list[Run]) -> float:
    return statistics.median(run.events / run.engine_s for run in runs)


def whole_rate(runs: list[Run]) -> float:
    return statistics.median(run.events / run.wall_s for run in runs)


def ns_each(runs: list[Run]) -> float:
    return statistics.median(run.engine_s / run.events for run in runs) * 1e9


def above(name: str, rate: float, target: float) -> Row:
    """A rate that must be above a target, in millions a second."""
    return Row(name, f"{rate / 1e6:.2f} M/s", f"> {target / 1e6:g} M/s", rate > target)


def measure(bench: Bench, trades: int, long_trades: int) -> list[Row]:
    folder = bench.folder
    kit.say("generating trades and bars ...")
    paths = {name: folder / f"usdm_ETHUSDT_{name}.parquet" for name in ("trades", "few", "long", "bars", "month")}
    write_trades(paths["trades"], trades, 1)
    write_trades(paths["few"], max(trades // 10, 1), 2)
    write_trades(paths["long"], long_trades, 3)
    write_bars(paths["bars"], 1_000_000, 4)
    write_bars(paths["month"], MONTH_BARS, 5)
    kit.say("measuring ...")
    run = bench.run
    default, bars, month = run("trades", paths["trades"]), run("bars", paths["bars"]), run("month", paths["month"])
    rows = [
        kit.told("core", kit.core()),
        above("trades, engine", engine_rate(default), 8e6),
        above("trades, whole process", whole_rate(default), 5e6),
        above("trades, engine, pure core", engine_rate(run("pure", paths["few"], OPTIMIZED_MODE="false")), 0.4e6),
        above("bars of a minute, engine", engine_rate(bars), 4e6),
        kit.below("a month of 1-minute bars, whole process", statistics.median(r.wall_s for r in month), 1.0, "s"),
        above("template strategy (plain Python)", engine_rate(run("t", paths["trades"], STRATEGY="template")), 2e6),
        above(
            "a strategy that sees every trade (plain Python)",
            engine_rate(run("window", paths["few"], STRATEGY="trade_window")),
            0.3e6,
        ),
    ]
    long_run = run("long", paths["long"], 1)
    short_mb, long_mb = (max(r.rss_mb for r in runs) for runs in (default, long_run))
    rows += [
        kit.below(f"RSS on {trades / 1e6:g} M trades", short_mb, 150.0, "MB", 0),
        kit.below(f"RSS on {long_trades / 1e6:g} M trades", long_mb, min(150.0, short_mb * 1.15), "MB", 0),
        kit.told(f"{long_trades / 1e6:g} M trades, whole process", f"{whole_rate(long_run) / 1e6:.2f} M/s"),
    ]
    return rows + parts(bench, default, bench.run("no passes", paths["trades"], **NO_PASSES))


def parts(bench: Bench, default: list[Run], no_passes: list[Run]) -> list[Row]:
    """Where the time goes, ns a trade of the whole process."""
    events = default[0].events
    start_s = statistics.median(run.wall_s - run.engine_s for run in bench.runs["month"])
    all_ns = statistics.median(run.wall_s for run in default) / events * 1e9
    engine_ns, every_ns, start_ns = ns_each(default), ns_each(no_passes), start_s / events * 1e9
    return [
        kit.told("where the time goes, a trade", f"{all_ns:.0f} ns"),
        kit.told("  columns, clock, bar, gate, exits", f"{every_ns:.0f} ns"),
        kit.told("  analysis of what passes the gate", f"{engine_ns - every_ns:.0f} ns"),
        kit.told("  reading (beside the engine), report", f"{all_ns - engine_ns - start_ns:.0f} ns"),
        kit.told(f"  start and end of the process ({start_s:.2f} s)", f"{start_ns:.0f} ns"),
    ]


def main() -> int:
    parser = kit.parser(__doc__)
    parser.add_argument("--trades", type=int, default=5_000_000, metavar="N")
    parser.add_argument("--long-trades", type=int, default=50_000_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_backtest_") as scratch:
        bench = Bench(Path(scratch), arguments.rounds)
        rows = measure(bench, arguments.trades, arguments.long_trades)
    found: dict[str, Any] = {name: [run._asdict() for run in runs] for name, runs in bench.runs.items()}
    return kit.finish("bench_backtest", "Backtest", rows, {"runs": found}, kit.new_session().dir, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
