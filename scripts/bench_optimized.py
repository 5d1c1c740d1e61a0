"""10,000 synthetic 1-minute ticks through the indicators: median under 0.2 ms an update, memory under 120 MB.

    python scripts/bench_optimized.py [--json run_artifacts/bench_optimized.json]

Exit 0 when every bound holds, 1 when one breaks.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TICKS = 10_000
UPDATE_MS_MAX = 0.2
RSS_MB_MAX = 120.0

if importlib.util.find_spec("supreme_system_v5") is None:  # run from a clone that is not installed
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

Tick = tuple[float, float, float, float, float]


def make_ticks(count: int) -> list[Tick]:
    """Seeded 1-minute bars (open, high, low, close, volume): a random walk with calm and wild hours."""
    rng = random.Random(42)
    ticks, price = [], 2500.0
    for i in range(count):
        volatility = 0.0006 * (1.0 + 0.8 * math.sin(i / 180.0))
        close = price * math.exp(rng.gauss(0.0, volatility))
        high = max(price, close) * (1.0 + abs(rng.gauss(0.0, volatility / 2)))
        low = min(price, close) * (1.0 - abs(rng.gauss(0.0, volatility / 2)))
        ticks.append((price, high, low, close, rng.lognormvariate(3.0, 1.0)))
        price = close
    return ticks


def time_each(update: Callable[[Tick], object], ticks: list[Tick]) -> list[int]:
    """ns of every single update, the call and the clock included."""
    clock = time.perf_counter_ns
    durations = []
    for tick in ticks:
        start = clock()
        update(tick)
        durations.append(clock() - start)
    return sorted(durations)


def peak_rss_mb() -> float:
    """Peak resident memory of this process in MB (VmHWM; getrusage where there is no /proc)."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024.0
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024.0 * 1024.0) if sys.platform == "darwin" else peak / 1024.0


def measure() -> dict[str, Any]:
    from supreme_system_v5.optimized import analyzer as analyzer_module
    from supreme_system_v5.optimized.analyzer import OptimizedTechnicalAnalyzer
    from supreme_system_v5.optimized.atr import ATR
    from supreme_system_v5.optimized.circular_buffer import RollingAverage
    from supreme_system_v5.optimized.ema import EMA
    from supreme_system_v5.optimized.macd import MACD
    from supreme_system_v5.optimized.rsi import RSI

    ticks = make_ticks(TICKS)
    ema, rsi, macd, atr, mean = EMA(14), RSI(14), MACD(12, 26, 9), ATR(14), RollingAverage(20)
    analyzer, forming = OptimizedTechnicalAnalyzer(), OptimizedTechnicalAnalyzer()
    for tick in ticks[:500]:
        forming.commit(*tick)
    updates: dict[str, Callable[[Tick], object]] = {
        "EMA": lambda tick: ema.update(tick[3]),
        "RSI": lambda tick: rsi.update(tick[3]),
        "MACD": lambda tick: macd.update(tick[3]),
        "ATR": lambda tick: atr.update(tick[1], tick[2], tick[3]),
        "volume mean": lambda tick: mean.update(tick[4]),
        "analyzer, all": lambda tick: analyzer.commit(*tick),
        "analyzer, preview": lambda tick: forming.preview(*tick[1:]),
    }
    rows = []
    for name, update in updates.items():
        durations = time_each(update, ticks)
        median_ms, p99_ms = durations[len(durations) // 2] / 1e6, durations[len(durations) * 99 // 100] / 1e6
        is_met = len(durations) == TICKS and median_ms < UPDATE_MS_MAX
        rows.append(
            {"name": name, "samples": len(durations), "median_ms": median_ms, "p99_ms": p99_ms, "is_met": is_met}
        )
    rss_mb = peak_rss_mb()
    return {
        "schema_version": 1,
        "core": "pure" if str(analyzer_module.__file__).endswith(".py") else "compiled",
        "ticks": TICKS,
        "updates": rows,
        "update_ms_max": UPDATE_MS_MAX,
        "peak_rss_mb": rss_mb,
        "rss_mb_max": RSS_MB_MAX,
        "is_met": all(row["is_met"] for row in rows) and rss_mb < RSS_MB_MAX,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Indicator update time and memory, with bounds.")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file too (under run_artifacts/)")
    arguments = parser.parse_args()
    result = measure()
    print(f"core: {result['core']}, {TICKS} synthetic 1-minute ticks")
    print(f"{'update':<20}{'samples':>9}{'median ms':>12}{'p99 ms':>12}   bound")
    for row in result["updates"]:
        verdict = "ok" if row["is_met"] else "BROKEN"
        figures = f"{row['samples']:>9}{row['median_ms']:>12.5f}{row['p99_ms']:>12.5f}"
        print(f"{row['name']:<20}{figures}   median < {UPDATE_MS_MAX} ms {verdict}")
    verdict = "ok" if result["peak_rss_mb"] < RSS_MB_MAX else "BROKEN"
    print(f"{'peak memory':<20}{result['peak_rss_mb']:>33.1f} MB   < {RSS_MB_MAX:g} MB {verdict}")
    if arguments.json:
        path = Path(arguments.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0 if result["is_met"] else 1


if __name__ == "__main__":
    sys.exit(main())
