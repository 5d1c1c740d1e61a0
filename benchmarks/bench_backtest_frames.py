"""A backtest on recorded frames: frames a second, reading, decoding, engine and venue included; where the time goes.

    SUPREME_DATA_DIR=<recordings> python benchmarks/bench_backtest_frames.py [--json FILE] [--runs 3]

Default settings, all of each recording, from its files to the last trade; the median of the runs. Opening (first lines,
klines, warm-up) is shown beside it, and the processor time of all threads: reading has one of its own. Runs the
installed core and, where that is compiled, the pure one beside it (in a process of its own). Exit 1 when a compiled
core is not above 500,000 frames/s, or the two differ in a digest; 2 without recordings.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TypedDict

from supreme_system_v5.backtesting.frames import FrameData, open_frames
from supreme_system_v5.backtesting.frames_backtest import FrameBacktester
from supreme_system_v5.backtesting.frames_cut import FrameCutter
from supreme_system_v5.backtesting.frames_file import LineBlocks
from supreme_system_v5.core.domain.events import Event, Trade
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.catalogue import make_strategy
from supreme_system_v5.core.wire.binance_decode import IS_COMPILED, FrameDecoder

RECORDINGS = {
    "spot": ("spot_ethusdt_20240808.jsonl.gz", "spot_ethusdt_20240809.jsonl.gz"),
    "usdm": ("usdm_ethusdt_20240808.jsonl.gz",),
}
TARGET = 500_000  # frames/s


class Row(TypedDict):
    """One recording: ms of its parts, all of which but ``open_ms`` are in ``run_ms``."""

    frames: int
    run_ms: float  # from the first frame to the last
    cpu_ms: float  # of all threads, warm-up included
    open_ms: float
    read_ms: float  # waiting for unpacked lines (a thread unpacks ahead), and cutting them
    decode_ms: float
    frames_per_s: float
    digest: str


class Result(TypedDict):
    """One core's rows by market."""

    core: str
    rows: dict[str, Row]


def read_seconds(data: FrameData) -> float:
    """Only the lines."""
    blocks = LineBlocks(data.paths)
    start = time.perf_counter()
    while blocks.next_block():
        pass
    blocks.close()
    return time.perf_counter() - start


def cut_seconds(data: FrameData) -> float:
    """Lines and events, with nobody to take them."""
    blocks = LineBlocks(data.paths)

    def odd(_line: bytes, _number: int) -> Event | None:
        return None

    def close_odd(trade: Trade, _first_id: int, _last_id: int) -> Event:
        return trade

    cutter = FrameCutter(FrameDecoder(data.market, "ETHUSDT"), "ETHUSDT", 1, blocks.next_block, odd, close_odd)
    start = time.perf_counter()
    while cutter.take() is not None:
        pass
    blocks.close()
    return time.perf_counter() - start


def measure(paths: list[Path], runs: int) -> Row:
    """The median run of a recording, and its parts."""
    opened, run_times, cpus, read, cut = [], [], [], [], []
    frames, digest = 0, ""
    for _ in range(runs):
        start = time.perf_counter()
        data = open_frames(paths)
        parameters = Parameters(market=data.market, is_simulated=True)
        run = FrameBacktester(parameters, data, make_strategy(parameters))
        cpu = time.process_time()
        counts = run.run()
        cpus.append(time.process_time() - cpu)
        run_times.append(counts.elapsed_seconds)
        opened.append(time.perf_counter() - start - counts.elapsed_seconds)
        frames, digest = sum(counts.lines.values()), run.engine.state.fingerprint()
        read.append(read_seconds(data))
        cut.append(cut_seconds(data))
    seconds, reading = statistics.median(run_times), statistics.median(read)
    return Row(
        frames=frames,
        run_ms=round(1000 * seconds, 1),
        cpu_ms=round(1000 * statistics.median(cpus), 1),
        open_ms=round(1000 * statistics.median(opened), 1),
        read_ms=round(1000 * reading, 1),
        decode_ms=round(1000 * max(0.0, statistics.median(cut) - reading), 1),
        frames_per_s=round(frames / seconds),
        digest=digest,
    )


def show(result: Result) -> None:
    print(f"core: {result['core']}")
    for market, row in result["rows"].items():
        engine_ms = max(0.0, row["run_ms"] - row["read_ms"] - row["decode_ms"])
        parts = {"reading": row["read_ms"], "decoding": row["decode_ms"], "engine": engine_ms}
        share = ", ".join(f"{name} {100 * ms / row['run_ms']:.0f} %" for name, ms in parts.items())
        print(
            f"  {market:5} {row['frames']:6,} frames in {row['run_ms']:7.1f} ms"
            f"  {row['frames_per_s']:9,.0f} frames/s"
            f"  ({share}; CPU {row['cpu_ms']:.0f} ms; opening {row['open_ms']:.0f} ms before)"
            f"  digest {row['digest'][:12]}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one-core", action="store_true", help="only the core that this process loads; JSON on stdout")
    arguments = parser.parse_args()
    name = os.environ.get("SUPREME_DATA_DIR", "")
    if not name or not (Path(name) / "frames").is_dir():
        print("SUPREME_DATA_DIR does not name the recorded data; nothing to measure", file=sys.stderr)
        return 2
    folder = Path(name) / "frames"
    rows = {market: measure([folder / file for file in files], arguments.runs) for market, files in RECORDINGS.items()}
    results = [Result(core="compiled" if IS_COMPILED else "pure", rows=rows)]
    if arguments.one_core:
        print(json.dumps(results[0]))
        return 0
    if IS_COMPILED:
        command = [sys.executable, __file__, "--one-core", "--runs", str(arguments.runs)]
        environment = {**os.environ, "OPTIMIZED_MODE": "false"}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        results.append(json.loads(answer.stdout))
    for result in results:
        show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps({"schema_version": 1, "results": results}, indent=1) + "\n")
    if not IS_COMPILED:
        print("the compiled core is not built or not asked for: pure figures only, no target applies")
        return 0
    faults = [
        f"{market}: {row['frames_per_s']:,.0f} frames/s, target > {TARGET:,}"
        for market, row in rows.items()
        if row["frames_per_s"] <= TARGET
    ]
    digests = [{market: row["digest"] for market, row in result["rows"].items()} for result in results]
    if digests[0] != digests[1]:
        faults.append(f"compiled and pure differ: {digests}")
    for fault in faults:
        print(f"MISSED: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
