"""The kernel's speed: compiled, pure, talipp and TA-Lib's stream objects, side by side in one run.

    python benchmarks/bench_kernel.py [--json FILE]

One update = a closed bar, five floats, through EMA(14), RSI(14), MACD(12, 26, 9), ATR(14) and the mean volume of 20
bars, called from Python. Every contender gets the same bars in a process of its own, the fastest of many rounds
counts, and the time of the empty loop is taken off. Exit 1 when a target is missed, or cannot be measured. A package
without compiled modules is compiled into a temporary folder first (needs mypyc and a C compiler).
"""

from __future__ import annotations

import argparse
import importlib.machinery
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BARS = 3_000
BOOK_UPDATES = 1_000
LEVELS_A_SIDE = 21
ROUNDS = 25
TICK_E8 = 1_000_000

# Bounds on the compiled core, ns a call.
LIMITS_NS = {"analyzer commit": 150.0, "histogram observe": 60.0}
RATIOS = {"talipp": 100.0, "TA-Lib stream": 6.0}

Bar = tuple[float, float, float, float, float]


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def best_ns(run: Callable[[], object], rows: list[tuple[Any, ...]]) -> float:
    """ns a row: the fastest of the rounds, which other work on the machine disturbed least, without the bare loop."""
    return (fastest_ns(run) - fastest_ns(empty_loop(rows))) / len(rows)


def fastest_ns(run: Callable[[], object]) -> int:
    durations = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        run()
        durations.append(time.perf_counter_ns() - start)
    return min(durations)


def empty_loop(rows: list[tuple[Any, ...]]) -> Callable[[], object]:
    """The loop that feeds a contender, unpacking its rows, without the calls."""

    def two() -> None:
        for _a, _b in rows:
            pass

    def three() -> None:
        for _a, _b, _c in rows:
            pass

    def five() -> None:
        for _a, _b, _c, _d, _e in rows:
            pass

    return {2: two, 3: three, 5: five}[len(rows[0])]


def make_bars(count: int) -> list[Bar]:
    """A seeded random walk of 1-minute bars near 2000."""
    rng = random.Random(11)
    bars, price = [], 2000.0
    for _ in range(count):
        close = price * (1.0 + rng.gauss(0.0, 0.0005))
        bars.append((price, max(price, close) + 0.3, min(price, close) - 0.3, close, rng.lognormvariate(3.0, 1.0)))
        price = close
    return bars


def make_book_updates() -> list[tuple[list[int], list[int]]]:
    """Updates of 42 levels around a middle that wanders, quantities large as 1e-8 units are."""
    rng = random.Random(12)
    middle, updates = 200_000, []
    for _ in range(BOOK_UPDATES):
        middle += rng.randint(-3, 3)
        bids: list[int] = []
        asks: list[int] = []
        for _ in range(LEVELS_A_SIDE):
            bids += [(middle - rng.randint(1, 200)) * TICK_E8, rng.choice([0, rng.randint(1, 10**10)])]
            asks += [(middle + rng.randint(1, 200)) * TICK_E8, rng.choice([0, rng.randint(1, 10**10)])]
        updates.append((bids, asks))
    return updates


def measure_ours() -> dict[str, Any]:
    """Run in a child process, with the core that its environment chose."""
    from supreme_system_v5.optimized import analyzer as analyzer_module
    from supreme_system_v5.optimized.latency_histogram import LatencyHistogram
    from supreme_system_v5.optimized.order_book import OrderBook
    from supreme_system_v5.optimized.smart_events import SmartEventProcessor

    bars = make_bars(BARS)
    analyzer = analyzer_module.OptimizedTechnicalAnalyzer()
    gate = SmartEventProcessor(0.002, 1.5, 30.0, 60.0, 42, 0.7)
    histogram = LatencyHistogram()
    book = OrderBook(TICK_E8)
    updates = make_book_updates()
    trades = [(10**18 + i * 40_000_000, bar[3], bar[4]) for i, bar in enumerate(bars)]
    durations = [(int(bar[4] * 1000), 0) for bar in bars]

    def commit() -> None:
        call = analyzer.commit
        for bar_open, high, low, close, volume in bars:
            call(bar_open, high, low, close, volume)

    def preview() -> None:
        call = analyzer.preview
        for _, high, low, close, volume in bars:
            call(high, low, close, volume)

    def decide() -> None:
        call = gate.on_trade
        for time_ns, price, quantity in trades:
            call(time_ns, price, quantity)

    def observe() -> None:
        call = histogram.observe
        for ns, _ in durations:
            call(ns)

    def apply() -> None:
        call = book.apply
        for bids, asks in updates:
            call(bids, asks)

    core = (
        "compiled" if str(analyzer_module.__file__).endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)) else "pure"
    )
    figures = {
        "analyzer commit": best_ns(commit, bars),
        "analyzer preview": best_ns(preview, bars),
        "gate on_trade": best_ns(decide, trades),
        "histogram observe": best_ns(observe, durations),
        "book, 42 levels": best_ns(apply, updates),
    }
    return {"core": core, "ns": figures}


def measure_talib() -> float:
    """ns an update of TA-Lib's stream handles, opened on a history as they demand."""
    import numpy
    from talib import stream

    bars = make_bars(BARS)
    _, high, low, close, volume = (numpy.array(column) for column in zip(*bars[:100], strict=True))
    ema, rsi, macd = stream.EMA(close, 14), stream.RSI(close, 14), stream.MACD(close, 12, 26, 9)
    atr, mean = stream.ATR(high, low, close, 14), stream.SMA(volume, 20)

    def run() -> None:
        for _, high, low, close, volume in bars:
            ema.update(close)
            rsi.update(close)
            macd.update(close)
            atr.update(high, low, close)
            mean.update(volume)

    return best_ns(run, bars)


def measure_talipp() -> float:
    """ns an update of talipp's indicators, fed bars as it documents for mixed inputs."""
    from talipp.indicators import ATR, EMA, MACD, RSI, SMA
    from talipp.ohlcv import OHLCV, ValueExtractor

    bars = make_bars(BARS)
    closes, volumes = ValueExtractor.extract_close, ValueExtractor.extract_volume

    def run() -> None:
        ema, rsi, atr = EMA(14, input_modifier=closes), RSI(14, input_modifier=closes), ATR(14)
        macd, mean = MACD(12, 26, 9, input_modifier=closes), SMA(20, input_modifier=volumes)
        for bar_open, high, low, close, volume in bars:
            bar = OHLCV(bar_open, high, low, close, volume)
            ema.add(bar)
            rsi.add(bar)
            macd.add(bar)
            atr.add(bar)
            mean.add(bar)

    return best_ns(run, bars)


def package_root() -> Path:
    import supreme_system_v5

    return Path(str(supreme_system_v5.__file__)).resolve().parent.parent


def compiled_root(scratch: Path) -> Path | None:
    """Where a compiled core lies: the package's own place, or a copy compiled into ``scratch``; None when neither."""
    root = package_root()
    if any(root.glob("supreme_system_v5/optimized/analyzer*" + importlib.machinery.EXTENSION_SUFFIXES[0])):
        return root
    say("the package here has no compiled modules; compiling a copy of the kernel ...")
    shutil.copytree(root / "supreme_system_v5", scratch / "supreme_system_v5")
    room = scratch / "supreme_system_v5" / "optimized"
    sources = sorted(path for path in room.glob("*.py") if path.stem != "__init__")
    names = [str(path.relative_to(scratch)) for path in sources]
    environment = {**os.environ, "CFLAGS": "-ffp-contract=off"}
    command = [sys.executable, "-m", "mypyc", *names]
    done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        say(f"mypyc failed: {(done.stdout + done.stderr).strip()[-500:]}")
        return None
    return scratch


def in_child(contender: str, root: Path, core: str) -> dict[str, Any]:
    """Measure one contender in a process of its own, so that none pays for another's memory. {} = not installed."""
    environment = {**os.environ, "PYTHONPATH": str(root), "SUPREME_OPTIMIZED_MODE": str(core == "compiled").lower()}
    command = [sys.executable, str(Path(__file__).resolve()), "--child", contender]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    if contender == "ours" and result["core"] != core:
        raise RuntimeError(f"asked for the {core} core, got the {result['core']} one")
    return result


def measure_child(contender: str) -> dict[str, Any]:
    if contender == "ours":
        return measure_ours()
    try:
        return {"ns": RIVALS[contender]()}
    except ImportError:
        return {}


RIVALS: dict[str, Callable[[], float]] = {
    "talipp": measure_talipp,
    "TA-Lib stream": measure_talib,
}


def verdicts(compiled: dict[str, float], rivals: dict[str, float | None]) -> list[dict[str, Any]]:
    rows = [
        {"name": f"{name}, ns", "value": compiled[name], "target": f"< {limit:g}", "is_met": compiled[name] < limit}
        for name, limit in LIMITS_NS.items()
    ]
    for name, least in RATIOS.items():
        other = rivals[name]
        ratio = None if other is None else other / compiled["analyzer commit"]
        met = ratio is not None and ratio >= least
        rows.append({"name": f"times faster than {name}", "value": ratio, "target": f">= {least:g}", "is_met": met})
    return rows


def report(
    compiled: dict[str, float], pure: dict[str, float], rivals: dict[str, float | None], rows: list[dict[str, Any]]
) -> None:
    heads = "".join(f"{name:>15}" for name in ("compiled", "pure", *rivals))
    say(f"\n{'ns a call, from Python':<24}{heads}")
    for name, value in compiled.items():
        others = list(rivals.values()) if name == "analyzer commit" else []
        texts = ["-" if other is None else f"{other:.0f}" for other in others]
        say(f"{name:<24}{value:>15.1f}{pure[name]:>15.1f}" + "".join(f"{text:>15}" for text in texts))
    say()
    for row in rows:
        text = "not measured" if row["value"] is None else f"{row['value']:.1f}"
        say(f"{'ok    ' if row['is_met'] else 'MISSED'}  {row['name']:<32}{text:>14}   target {row['target']}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Kernel speed against talipp and TA-Lib's stream objects.")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file too")
    parser.add_argument("--child", choices=["ours", *RIVALS], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        say(json.dumps(measure_child(arguments.child)))
        return 0
    with tempfile.TemporaryDirectory(prefix="bench_kernel_") as scratch:
        root = compiled_root(Path(scratch))
        if root is None:
            say("FAILED: no compiled core to measure")
            return 1
        compiled = in_child("ours", root, "compiled")["ns"]
        pure = in_child("ours", root, "pure")["ns"]
        rivals: dict[str, float | None] = {name: in_child(name, root, "pure").get("ns") for name in RIVALS}
    rows = verdicts(compiled, rivals)
    report(compiled, pure, rivals, rows)
    if arguments.json:
        path = Path(arguments.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        figures = {"compiled": compiled, "pure": pure, **rivals}
        path.write_text(json.dumps({"schema_version": 1, "ns": figures, "verdicts": rows}, indent=1) + "\n")
    return 0 if all(row["is_met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
