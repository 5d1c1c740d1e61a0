"""The generated market against the recordings, one table a market.

`SUPREME_DATA_DIR=... python benchmarks/compare_market.py [--minutes 10] [--seeds 8] [--json]`

Trades are counted as raw trades (an aggTrade's l - f + 1), sizes are aggTrades' (the recording folded as the exchange
folds it). Volatility is compared with the recorded 1-minute spot bars of 2024-07/08, on quantiles: their standard
deviation is made by one crash. Next to each figure outside 25 % stands the reason; exit 1 when one has none.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

import itertools

from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.market.recording import RecordedMarket
from supreme_system_v5.adapters.exchange.market.sim_market import DEPTH, NEVER, QUOTE, TRADE, SimMarket, stream_kind

RECORDINGS = {
    "spot": ("spot_ethusdt_20240808.jsonl.gz", "spot_ethusdt_20240809.jsonl.gz"),
    "usdm": ("usdm_ethusdt_20240808.jsonl.gz",),
}
START_NS = 1_763_640_000_000_000_000
BOUND = 0.25
UNEXPLAINED = "OUTSIDE 25 %, and no reason is known"
# Why a figure lies outside the bound, by market and figure.
REASONS = {
    "spot aggTrade gap ms p75": "orders split over levels more often than recorded (gaps of 0 ms: 39 %, recorded 33 %);"
    " mean, p90 and p99 fit",
    "spot aggTrade size p50": "whole orders fit their recorded quantiles, and so do those that stay on one level; the"
    " parts of the others are too large (median 0.047, recorded 0.015)",
    "usdm aggTrade gap ms p75": "a little more gaps of 0 ms than recorded (46 %, 44 %), and bursts, which"
    " trades/s p99 needs, come on top",
    "usdm trades/s p99": "the 3 busiest of 343 recorded seconds, one event",
    "usdm depth frames/s": "recorded is depth@0ms (19 a second), today's stream is depth@100ms (10)",
    "usdm levels a second in depth": "levels that change twice within 100 ms come once, and part of the rest is left"
    " out, for the CPU of a small machine",
}
Sample = dict[str, list[float]]


def collect(market: SimMarket, end_ns: int) -> tuple[Sample, float, int]:
    """Raw material of the figures, market seconds covered, frames."""
    sample: Sample = {key: [] for key in ("time_ms", "count", "size", "spread", "spread_ns", "mid", "mid_ns", "levels")}
    frames = 0
    first = market.next_ns()
    while market.next_ns() < end_ns:
        for frame in market.step():
            frames += 1
            data: dict[str, Any] = json.loads(frame.payload)
            kind = stream_kind(frame.stream)
            if kind == TRADE:
                sample["time_ms"].append(data["T"])
                sample["count"].append(data["l"] - data["f"] + 1)
                sample["size"].append(float(data["q"]))
            elif kind == QUOTE:
                sample["spread"].append(float(data["a"]) - float(data["b"]))
                sample["spread_ns"].append(frame.time_ns)
                sample["mid"].append((float(data["a"]) + float(data["b"])) / 2)
            elif kind == DEPTH:
                sample["levels"].append(len(data["a"]) + len(data["b"]))
    return sample, (market.last_ns - first) / 1e9, frames


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def figures(sample: Sample, seconds: float, frames: int) -> dict[str, float]:
    """The table's numbers of one run."""
    times, counts = sample["time_ms"], sample["count"]
    per_second: dict[int, float] = {}
    for time_ms, count in zip(times, counts, strict=True):
        second = int((time_ms - times[0]) // 1_000)
        per_second[second] = per_second.get(second, 0) + count
    rates = [per_second.get(i, 0.0) for i in range(int((times[-1] - times[0]) // 1_000) + 1)]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    raw = sum(counts)
    same = raw - len(set(times))
    weights = [b - a for a, b in zip(sample["spread_ns"], sample["spread_ns"][1:], strict=False)]
    spread = sum(s * w for s, w in zip(sample["spread"], weights, strict=False)) / sum(weights)
    return {
        "trades/s mean": raw / seconds,
        "trades/s p50": quantile(rates, 0.5),
        "trades/s p99": quantile(rates, 0.99),
        "same-ms share of trades": same / raw,
        "aggTrades/s": len(times) / seconds,
        "aggTrade gap ms mean": sum(gaps) / len(gaps),
        "aggTrade gap ms p75": quantile(gaps, 0.75),
        "aggTrade gap ms p90": quantile(gaps, 0.90),
        "aggTrade gap ms p99": quantile(gaps, 0.99),
        "aggTrade size p50": quantile(sample["size"], 0.5),
        "aggTrade size p90": quantile(sample["size"], 0.9),
        "aggTrade size p99": quantile(sample["size"], 0.99),
        "aggTrade size mean": sum(sample["size"]) / len(times),
        "spread mean (by time)": spread,
        "spread mean (by quote)": sum(sample["spread"]) / len(sample["spread"]),
        "quotes/s": len(sample["spread"]) / seconds,
        "quote share of frames": len(sample["spread"]) / frames,
        "depth frames/s": len(sample["levels"]) / seconds,
        "levels a second in depth": sum(sample["levels"]) / seconds,
    }


def volatility(closes: list[list[float]]) -> dict[str, float]:
    """Quantiles of |1-minute return| in bps and its autocorrelation, over runs of consecutive closes."""
    runs = [[abs(b / a - 1) * 1e4 for a, b in itertools.pairwise(run)] for run in closes]
    every = [value for run in runs for value in run]
    out = {f"|1m return| bps p{p}": quantile(every, p / 100) for p in (50, 90, 99)}
    mean = sum(every) / len(every)
    variance = sum((value - mean) ** 2 for value in every) / len(every)
    for lag in (1, 5, 30, 60):
        pairs = [(a - mean) * (b - mean) for run in runs for a, b in zip(run, run[lag:], strict=False)]
        out[f"|1m return| autocorrelation lag {lag}"] = sum(pairs) / len(pairs) / variance
    return out


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}


def generated(market: str, minutes: float, seeds: int) -> tuple[dict[str, float], float]:
    rows, cpu, span, closes = [], 0.0, 0.0, []
    for seed in range(1, seeds + 1):
        source = GeneratedMarket(market, seed, START_NS)
        began = time.process_time()
        while source.next_ns() < START_NS + 5_000_000_000:
            source.step()
        cpu += time.process_time() - began
        span += 5.0
        rows.append(figures(*collect(source, START_NS + int(minutes * 60e9))))
        closes += [[float(row[4]) for row in source.rows_as_of(60_000, START_NS)[:-1]]]
    for seed in range(100, 108):
        closes += [[float(r[4]) for r in GeneratedMarket(market, seed, START_NS).rows_as_of(60_000, START_NS)[:-1]]]
    return {**mean_of(rows), **volatility(closes)}, cpu / span


def recorded(market: str, data: Path) -> dict[str, float]:
    source = RecordedMarket([data / "frames" / name for name in RECORDINGS[market]])
    return {**figures(*collect(source, NEVER)), **volatility([month(data)])}


def month(data: Path) -> list[float]:
    """Closes of the recorded month of 1-minute bars."""
    with gzip.open(data / "bars_1m" / "spot_ETHUSDT_20240726_20240825.csv.gz", "rt", encoding="ascii") as file:
        next(file)
        return [float(line.split(",")[4]) for line in file]


def verdict(market: str, key: str, made: float, real: float) -> tuple[float, str]:
    """The ratio, and outside the bound why it is so ("" within it)."""
    ratio = made / real if real else float("nan")
    is_within = 1.0 - BOUND <= ratio <= 1.0 + BOUND
    return ratio, "" if is_within else REASONS.get(f"{market} {key}", UNEXPLAINED)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    folder = os.environ.get("SUPREME_DATA_DIR", "")
    if not folder:
        sys.stderr.write("compare_market: SUPREME_DATA_DIR is not set; there is nothing to compare with\n")
        return 2
    report: dict[str, Any] = {}
    unexplained = 0
    for market in ("spot", "usdm"):
        made, cpu = generated(market, args.minutes, args.seeds)
        real = recorded(market, Path(folder))
        report[market] = {"generated": made, "recorded": real, "generator_cpu_share_at_1x": cpu}
        rows = [(key, value, real[key], *verdict(market, key, value, real[key])) for key, value in made.items()]
        unexplained += sum(reason == UNEXPLAINED for *_, reason in rows)
        if args.json:
            continue
        print(f"\n{market}: {args.seeds} seeds x {args.minutes:g} minutes; generator {cpu * 100:.2f} % of a core at 1x")
        print(f"{'':36}{'generated':>12}{'recorded':>12}{'ratio':>8}")
        for key, value, recorded_value, ratio, reason in rows:
            print(f"{key:36}{value:12.4f}{recorded_value:12.4f}{ratio:8.2f}{'  ' + reason if reason else ''}")
    if args.json:
        print(json.dumps(report))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
