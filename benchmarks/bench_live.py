"""The live daemon on recorded frames at their own speed, over the sockets of the separate exchange.

    SUPREME_DATA_DIR=<recordings> python benchmarks/bench_live.py [--market spot|usdm] [--rate 1000] [--json FILE]

Judged, per market: latency from the bytes leaving the socket to the effects returned, on trades that pass the gate
(n >= 1,000: p50 < 0.2 ms, p95 < 0.5 ms) and on all frames (p50 < 0.1 ms, p95 < 0.3 ms); CPU of the daemon process
alone over 60 s, after 60 s of warm-up (spot < 3 %, USD-M < 4 % of a core); peak memory < 64 MB with the journal on,
/metrics scraped each second and a monitor open for the second half. CPU with both of these is told beside it.
``--rate 1000`` plays the recording at 1,000 frames a second: CPU < 12 %, latency told.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import bench_kit as kit

from supreme_system_v5.adapters.monitoring.text import number, pick, table
from supreme_system_v5.commands import measuring
from supreme_system_v5.commands.bench_light import Row
from supreme_system_v5.commands.measuring import MeasureError, Processes

CPU_PERCENT_MAX = {"spot": 3.0, "usdm": 4.0}
CPU_PERCENT_MAX_RATE = 12.0
RSS_MB_MAX = 64.0
SECONDS_MAX = 900.0


class Run:
    """One daemon on one recording. ``speed`` 1 = as recorded."""

    def __init__(self, processes: Processes, market: str, speed: float) -> None:
        self.processes = processes
        processes.start_exchange(["--recording", kit.recording(market), f"--speed={speed}"])
        self.daemon = processes.start_daemon()
        self.status: dict[str, Any] = {}
        self.scrapes = 0

    def look(self) -> None:
        """Ask for the status. Raises MeasureError when the daemon is gone."""
        if self.daemon.poll() is not None:
            raise MeasureError(f"the daemon ended with {self.daemon.returncode}{self.processes.said('daemon')}")
        self.status = self.processes.status(5.0) or self.status

    def wait(self, seconds: float, is_scraped: bool) -> None:
        """Let it run; scraped each second, or left alone."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(1.0, left))
            if is_scraped:
                self.look()
                measuring.fetch(str(pick(self.status, "urls", "metrics")))
                self.scrapes += 1

    def window(self, seconds: float, is_scraped: bool) -> tuple[float, float]:
        """CPU in percent of a core and frames a second over a window."""
        self.look()
        before = (time.monotonic(), measuring.cpu_seconds(self.daemon.pid), self._frames())
        self.wait(seconds, is_scraped)
        after = (time.monotonic(), measuring.cpu_seconds(self.daemon.pid))
        self.look()
        span = after[0] - before[0]
        return 100 * (after[1] - before[1]) / span, (self._frames() - before[2]) / span

    def _frames(self) -> float:
        return number(pick(self.status, "frames", "processed"))

    def is_over(self) -> bool:
        return bool(json.loads(measuring.fetch(f"http://127.0.0.1:{self.processes.port}/x/status"))["ended"])


def measure(market: str, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One recording at its own speed. Raises MeasureError."""
    settings = kit.settings_of(folder, MARKET=market)
    with Processes(settings, folder) as processes:
        (processes.home.root / ".env").touch()
        run = Run(processes, market, 1.0)
        run.wait(args.warmup, False)
        cpu, rate = run.window(args.window, False)
        processes.start_monitor()
        watched_cpu, _ = run.window(args.window, True)
        began = time.monotonic()
        while number(pick(run.status, "latency_ms", "count")) < args.samples and not run.is_over():
            run.wait(5.0, True)
            if time.monotonic() - began > SECONDS_MAX:
                break
        run.look()
        found = _figures(run, cpu, rate)
    return {**found, "cpu_percent_watched": round(watched_cpu, 2), "exit_code": run.daemon.returncode}


def measure_rate(market: str, rate: float, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The same at so many frames a second, in a shorter window: a recording is over sooner."""
    settings = kit.settings_of(folder, MARKET=market)
    with Processes(settings, folder) as processes:
        (processes.home.root / ".env").touch()
        run = Run(processes, market, rate / kit.FRAMES_PER_SECOND[market])
        run.wait(min(10.0, args.warmup), False)
        cpu, frames = run.window(min(50.0, args.window), False)
        found = _figures(run, cpu, frames)
    return {**found, "exit_code": run.daemon.returncode}


def _figures(run: Run, cpu: float, rate: float) -> dict[str, Any]:
    pid = run.daemon.pid
    rss, peak = measuring.memory_bytes(pid)
    measuring.end(run.daemon)
    status = run.status
    return {
        "cpu_percent": round(cpu, 2),
        "frames_per_second": round(rate, 1),
        "latency_ms": table(status, "latency_ms"),
        "frame_latency_ms": table(status, "frame_latency_ms"),
        "skip_ratio": number(pick(status, "gate", "skip_ratio")),
        "rejected": table(status, "frames", "rejected"),
        "gaps": table(status, "gaps"),
        "rss_mb": round(rss / kit.MB, 2),
        "rss_peak_mb": round(peak / kit.MB, 2),
        "loop_lag_ms_p99": number(pick(status, "resources", "loop_lag_ms_p99")),
        "scrapes": run.scrapes,
    }


def rows_of(market: str, found: dict[str, Any], samples: int) -> list[Row]:
    latency, frames = found["latency_ms"], found["frame_latency_ms"]
    far = float("inf")
    return [
        kit.enough(f"{market}: passed trades", number(latency.get("count")), samples),
        kit.below(f"{market}: passed trades p50", number(latency.get("p50"), far), 0.2, "ms", 3),
        kit.below(f"{market}: passed trades p95", number(latency.get("p95"), far), 0.5, "ms", 3),
        kit.below(f"{market}: all frames p50", number(frames.get("p50"), far), 0.1, "ms", 3),
        kit.below(f"{market}: all frames p95", number(frames.get("p95"), far), 0.3, "ms", 3),
        kit.told(f"{market}: all frames p99", f"{number(frames.get('p99')):.3f} ms of {int(frames.get('count', 0)):,}"),
        kit.below(f"{market}: CPU", found["cpu_percent"], CPU_PERCENT_MAX[market], "%"),
        kit.told(f"{market}: CPU, scraped + monitor", f"{found['cpu_percent_watched']:.2f} %"),
        kit.told(f"{market}: frames", f"{found['frames_per_second']:.0f} /s"),
        kit.below(f"{market}: VmHWM", found["rss_peak_mb"], RSS_MB_MAX, "MB", 1),
        kit.told(f"{market}: skip ratio", f"{100 * found['skip_ratio']:.1f} %"),
        kit.Row(f"{market}: orderly end", f"exit {found['exit_code']}", "exit 0", found["exit_code"] == 0),
    ]


def rows_of_rate(market: str, rate: float, found: dict[str, Any]) -> list[Row]:
    name = f"{market} at {rate:g}/s"
    frames = found["frame_latency_ms"]
    text = " ".join(f"{key} {number(frames.get(key)):.3f}" for key in ("p50", "p95", "p99"))
    return [
        kit.enough(f"{name}: frames a second", found["frames_per_second"], 0.9 * rate),
        kit.below(f"{name}: CPU", found["cpu_percent"], CPU_PERCENT_MAX_RATE, "%"),
        kit.told(f"{name}: all frames, ms", text),
        kit.Row(f"{name}: orderly end", f"exit {found['exit_code']}", "exit 0", found["exit_code"] == 0),
    ]


def main() -> int:
    parser = kit.parser(__doc__)
    parser.add_argument("--market", choices=tuple(kit.RECORDINGS), action="append", default=[])
    parser.add_argument(
        "--rate", type=float, action="append", default=[], help="frames a second, beside 1x; default 1000"
    )
    parser.add_argument("--no-rate", action="store_true", help="only the recorded speed")
    parser.add_argument("--samples", type=int, default=1_000, help="trades that pass the gate, at least")
    parser.add_argument("--warmup", type=float, default=60.0)
    parser.add_argument("--window", type=float, default=60.0, help="seconds over which CPU is measured")
    args = parser.parse_args()
    markets = args.market or list(kit.RECORDINGS)
    for market in markets:
        kit.recording(market)
    session = kit.new_session()
    found: dict[str, Any] = {"host": measuring.host()}
    rows: list[Row] = []
    for market in markets:
        found[market] = measure(market, args, session.dir)
        rows += rows_of(market, found[market], args.samples)
        for rate in [] if args.no_rate else args.rate or [1_000.0]:
            found[f"{market}_{rate:g}"] = measure_rate(market, rate, args, session.dir)
            rows += rows_of_rate(market, rate, found[f"{market}_{rate:g}"])
    title = f"live   SIMULATED exchange, recorded frames at 1x, {kit.core()} core"
    return kit.finish("bench-live", title, rows, found, session.dir, args.json)


if __name__ == "__main__":
    sys.exit(main())
