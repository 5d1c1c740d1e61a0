"""The wire's share of the hot path: bytes to event, and for depth also into the local book, on recorded frames.

    SUPREME_DATA_DIR=<recordings> python benchmarks/bench_hot_path_decode.py [--json FILE] [--market spot|usdm]

Runs the installed core and, where that is compiled, the pure one beside it (in a process of its own). Prints per frame
type the count, mean, p50 and p99, with the clock's own cost, which is contained in every figure. Exit 1 when a compiled
core misses a target (trade and quote mean < 0.5 us; depth with the book p50 < 5 us, p99 < 60 us), 2 without recordings.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TypedDict

from supreme_system_v5.adapters.feeds.recorded import read_frames
from supreme_system_v5.core.domain.events import KIND_DEPTH, KIND_NAMES
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.wire.binance_decode import IS_COMPILED, FrameDecoder
from supreme_system_v5.core.wire.binance_rest import parse_depth

RECORDINGS = {
    "spot": ("spot_ethusdt_20240808.jsonl.gz", "spot_ethusdt_20240809.jsonl.gz"),
    "usdm": ("usdm_ethusdt_20240808.jsonl.gz",),
}
Row = dict[str, float]  # count, mean_us, p50_us, p99_us


class Result(TypedDict):
    """One core's figures: market -> frame type -> row."""

    core: str
    clock_ns: float
    figures: dict[str, dict[str, Row]]


MEAN_US_MAX = 0.5  # trade and quote
DEPTH_P50_US_MAX = 5.0
DEPTH_P99_US_MAX = 60.0
SAMPLES_MIN = 6_000  # of each type in each recording


def measure(folder: Path, market: str) -> dict[str, list[int]]:
    """Nanoseconds of each frame by type; `depth+book` is the decoding and the book's update together."""
    view = MarketView(eth_usdt(market))
    decoder = FrameDecoder(market, "ETHUSDT")
    frames = list(read_frames(folder / "frames" / name for name in RECORDINGS[market]))
    figures: dict[str, list[int]] = {"trade": [], "quote": [], "depth": [], "depth+book": []}
    clock = time.perf_counter_ns
    decode = decoder.decode
    apply = view.apply
    gc.collect()
    gc.disable()
    for frame in frames:
        if not frame.stream:
            apply(parse_depth(frame.payload, frame.recv_ns))
            continue
        raw, recv_ns = frame.raw, frame.recv_ns
        start = clock()
        event = decode(raw, recv_ns)
        decoded = clock()
        figures[KIND_NAMES[event.kind]].append(decoded - start)
        if event.kind == KIND_DEPTH:
            apply(event)
            figures["depth+book"].append(clock() - start)
    gc.enable()
    return figures


def clock_ns() -> float:
    """What one reading of the clock adds to a figure."""
    clock = time.perf_counter_ns
    readings = [clock() for _ in range(100_001)]
    return (readings[-1] - readings[0]) / 100_000


def summary(folder: Path, markets: list[str]) -> Result:
    """The figures of the core this process runs."""
    figures: dict[str, dict[str, Row]] = {}
    for market in markets:
        rows = figures.setdefault(market, {})
        for kind, times in measure(folder, market).items():
            if len(times) < SAMPLES_MIN:
                raise SystemExit(f"{market} {kind}: {len(times)} samples, {SAMPLES_MIN} asked")
            times.sort()
            rows[kind] = {
                "count": len(times),
                "mean_us": round(statistics.fmean(times) / 1000, 3),
                "p50_us": times[len(times) // 2] / 1000,
                "p99_us": times[len(times) * 99 // 100] / 1000,
            }
    return Result(core="compiled" if IS_COMPILED else "pure", clock_ns=round(clock_ns(), 1), figures=figures)


def missed(figures: dict[str, Row]) -> list[str]:
    """The targets one market's figures miss."""
    depth = figures["depth+book"]
    faults = [
        f"{kind} mean {figures[kind]['mean_us']} us, target < {MEAN_US_MAX}"
        for kind in ("trade", "quote")
        if not figures[kind]["mean_us"] < MEAN_US_MAX
    ]
    if not depth["p50_us"] < DEPTH_P50_US_MAX:
        faults.append(f"depth+book p50 {depth['p50_us']} us, target < {DEPTH_P50_US_MAX}")
    if not depth["p99_us"] < DEPTH_P99_US_MAX:
        faults.append(f"depth+book p99 {depth['p99_us']} us, target < {DEPTH_P99_US_MAX}")
    return faults


def show(result: Result) -> None:
    print(f"core: {result['core']}, one clock reading {result['clock_ns']} ns")
    for market, rows in result["figures"].items():
        for kind, row in rows.items():
            print(
                f"  {market:5} {kind:11} n {row['count']:6}  mean {row['mean_us']:8.3f} us"
                f"  p50 {row['p50_us']:8.3f}  p99 {row['p99_us']:8.3f}"
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", choices=sorted(RECORDINGS), action="append", default=[])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--one-core", action="store_true", help="only the core that this process loads; JSON on stdout")
    arguments = parser.parse_args()
    name = os.environ.get("SUPREME_DATA_DIR", "")
    if not name or not (Path(name) / "frames").is_dir():
        print("SUPREME_DATA_DIR does not name the recorded data; nothing to measure", file=sys.stderr)
        return 2
    markets = arguments.market or sorted(RECORDINGS)
    results = [summary(Path(name), markets)]
    if arguments.one_core:
        print(json.dumps(results[0]))
        return 0
    if IS_COMPILED:
        command = [sys.executable, __file__, "--one-core", *(f"--market={market}" for market in markets)]
        environment = {**os.environ, "OPTIMIZED_MODE": "false"}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        results.append(json.loads(answer.stdout))
    for result in results:
        show(result)
    if not IS_COMPILED:
        print("the compiled core is not built or not asked for: pure figures only, no target applies")
    if arguments.json:
        arguments.json.write_text(json.dumps({"schema_version": 1, "results": results}, indent=1) + "\n")
    figures = results[0]["figures"] if IS_COMPILED else {}
    faults = [f"{market} {fault}" for market, rows in figures.items() for fault in missed(rows)]
    for fault in faults:
        print(f"MISSED: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
