"""Throttling shown: each ladder up and back with a position open, and what the protected lane's latency is meanwhile.

    python benchmarks/bench_throttle.py [--only hog|cpu|memory] [--json FILE]

- hog: four busy loops on the daemon's own core for a few seconds, with more weight than the daemon (nice), and
  LOOP_LAG_MS_MAX low: the CPU ladder goes up by the loop's lag, and back after they end.
- cpu: MAX_CPU_PERCENT far below what a market at 20x needs: up all four steps to reduce-only; then the market stands
  still and it comes back.
- memory: MAX_RAM_MB below what the daemon has: shed, no entries, orderly shutdown (exit 3) with the position kept; the
  next start has it and protects it.

The protected lane is what looks at every event: its latency is a frame's from the socket to its effects, over the time
under pressure. Judged: the steps, that the position never was without its stop, and p95 of that latency; the limit is
wide under a hog, which takes turns with the daemon, and the daemon's own target elsewhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench_kit as kit

from supreme_system_v5.adapters.monitoring.ladder import CPU_LEVEL_MAX
from supreme_system_v5.adapters.monitoring.text import number, pick, table
from supreme_system_v5.commands import measuring
from supreme_system_v5.commands.bench_light import Row
from supreme_system_v5.commands.demo import DEMO_BAR_SECONDS, DEMO_SEED, DEMO_SPEED
from supreme_system_v5.commands.measuring import MeasureError, Processes

HOG_SECONDS = 20.0
HOGS = 4
DAEMON_NICE = 10  # a fair scheduler gives the daemon its few percent at once; beside heavier neighbours it must wait
LAG_MS_MAX = 10.0
CPU_PERCENT = 2.0
RAM_MB = 40
POSITION_SECONDS = 120.0
UP_SECONDS = 90.0
BACK_SECONDS = 200.0
P95_MS = {"hog": 25.0, "cpu": 5.0, "memory": 5.0}  # at 20x a frame waits for the others of its batch
EXIT_MEMORY = 3


class Watched:
    """A daemon on the scripted market, looked at a few times a second."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        (processes.home.root / ".env").touch()
        market = ["--profile", "scripted", f"--bar-seconds={DEMO_BAR_SECONDS}", f"--market-seed={DEMO_SEED}"]
        self.exchange = processes.start_exchange([*market, f"--speed={DEMO_SPEED}"])
        self.levels: list[int] = []
        self.bare_seconds = 0.0
        self.with_position = 0
        self.status: dict[str, Any] = {}
        self.daemon: subprocess.Popen[bytes]

    def start(self, **env: str) -> None:
        self.levels = []
        self.daemon = self.processes.start_daemon(SUPREME_BAR_SECONDS=str(DEMO_BAR_SECONDS), **env)

    def look(self, ladder: str) -> bool:
        """One status into the figures; False when the daemon is gone."""
        status = self.processes.status(1.0)
        if status:
            self.status = status
            level = int(number(pick(status, "throttle", f"{ladder}_level")))
            if not self.levels or self.levels[-1] != level:
                self.levels.append(level)
            position = table(status, "position")
            if position:
                self.with_position += 1
                self.bare_seconds = max(self.bare_seconds, number(position.get("unprotected_seconds")))
        return self.daemon.poll() is None

    def wait(self, ladder: str, seconds: float, until: Callable[[], bool]) -> float:
        """Look until the condition holds; how long it took. Raises MeasureError when it does not in time."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            is_alive = self.look(ladder)
            if until():
                return time.monotonic() - began
            if not is_alive:
                break
            time.sleep(0.2)
        raise MeasureError(f"{ladder}: it did not come to it; levels {self.levels}{self.processes.said('daemon')}")

    def has_position(self) -> bool:
        return bool(table(self.status, "position"))

    def is_at(self, level: int) -> bool:
        return bool(self.levels) and self.levels[-1] == level

    def figures(self) -> dict[str, Any]:
        return {
            "levels": list(self.levels),
            "frame_latency_ms": table(self.status, "frame_latency_ms"),
            "loop_lag_ms_p99": number(pick(self.status, "resources", "loop_lag_ms_p99")),
            "cpu_percent": number(pick(self.status, "resources", "cpu_percent")),
            "samples_with_position": self.with_position,
            "unprotected_seconds_max": self.bare_seconds,
            "trades_closed": int(number(pick(self.status, "trades_session"))),
        }


def hog(watched: Watched) -> dict[str, Any]:
    watched.start(SUPREME_LOOP_LAG_MS_MAX=str(LAG_MS_MAX))
    watched.wait("cpu", POSITION_SECONDS, watched.has_position)
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(watched.daemon.pid, {core})
    os.setpriority(os.PRIO_PROCESS, watched.daemon.pid, DAEMON_NICE)
    code = f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    began = time.monotonic()
    hogs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(HOGS)]
    try:
        watched.wait("cpu", 2 * HOG_SECONDS, lambda: time.monotonic() - began > HOG_SECONDS)
        found = watched.figures()
    finally:
        for one in hogs:
            one.kill()
            one.wait()
        os.sched_setaffinity(watched.daemon.pid, os.sched_getaffinity(0))
    found["back_seconds"] = watched.wait("cpu", BACK_SECONDS, lambda: watched.is_at(0))
    return {**found, "levels": list(watched.levels), "reached": max(watched.levels), "wanted": 1}


def cpu(watched: Watched) -> dict[str, Any]:
    watched.start(SUPREME_MAX_CPU_PERCENT=str(CPU_PERCENT))
    watched.wait("cpu", UP_SECONDS, lambda: watched.is_at(CPU_LEVEL_MAX))
    found = watched.figures()
    lines = (watched.processes.folder / "daemon.out").read_text(errors="replace").splitlines()
    found["savings"] = [line.strip() for line in lines if "CPU step" in line]
    watched.exchange.send_signal(signal.SIGSTOP)
    try:
        found["back_seconds"] = watched.wait("cpu", BACK_SECONDS, lambda: watched.is_at(0))
    finally:
        watched.exchange.send_signal(signal.SIGCONT)
    return {**found, "levels": list(watched.levels), "reached": max(watched.levels), "wanted": CPU_LEVEL_MAX}


def memory(watched: Watched) -> dict[str, Any]:
    watched.start()
    watched.wait("memory", POSITION_SECONDS, watched.has_position)
    measuring.end(watched.daemon)
    before = table(watched.status, "position")
    watched.start(SUPREME_MAX_RAM_MB=str(RAM_MB))
    watched.wait("memory", 30.0, lambda: watched.daemon.poll() is not None)
    found = {**watched.figures(), "exit_code": watched.daemon.returncode}
    watched.start()
    watched.wait("memory", 30.0, lambda: number(pick(watched.status, "uptime_seconds")) > 1.0)
    after = table(watched.status, "position")
    is_same = after.get("opened_ns") == before.get("opened_ns")
    closed = number(pick(watched.status, "trades_session"))
    found["position_after"] = "kept" if is_same else f"closed by its exits ({closed:g})" if not after else "LOST"
    return {**found, "reached": max(found["levels"], default=0), "wanted": 2}


SHOWS: dict[str, Callable[[Watched], dict[str, Any]]] = {"hog": hog, "cpu": cpu, "memory": memory}


def rows_of(name: str, found: dict[str, Any]) -> list[Row]:
    latency = found["frame_latency_ms"]
    ladder = " ".join(str(level) for level in found["levels"])
    bare = found["unprotected_seconds_max"]
    rows = [
        kit.Row(f"{name}: ladder", ladder, f"to {found['wanted']} or more", found["reached"] >= found["wanted"]),
        kit.below(f"{name}: protected lane p95", number(latency.get("p95"), float("inf")), P95_MS[name], "ms", 3),
        kit.told(f"{name}: p50, p99", f"{number(latency.get('p50')):.3f}, {number(latency.get('p99')):.3f} ms"),
        kit.enough(f"{name}: frames", number(latency.get("count")), 1_000),
        kit.enough(f"{name}: looks at an open position", found["samples_with_position"], 1),
        kit.below(f"{name}: longest without a stop", bare, 1.0, "s", 3),
        kit.told(f"{name}: loop lag p99, CPU", f"{found['loop_lag_ms_p99']:.1f} ms, {found['cpu_percent']:.1f} %"),
    ]
    if "back_seconds" in found:
        is_back = found["levels"][-1] == 0
        rows.append(kit.Row(f"{name}: back to normal", f"{found['back_seconds']:.0f} s", "level 0", is_back))
    if "exit_code" in found:
        rows.append(
            kit.Row(f"{name}: shutdown", f"exit {found['exit_code']}", "exit 3", found["exit_code"] == EXIT_MEMORY)
        )
        is_safe = found["position_after"] != "LOST"
        rows.append(kit.Row(f"{name}: position after", found["position_after"], "kept or closed", is_safe))
    return rows


def main() -> int:
    parser = kit.parser(__doc__)
    parser.add_argument("--only", choices=tuple(SHOWS), action="append", default=[])
    args = parser.parse_args()
    session = kit.new_session()
    found: dict[str, Any] = {"host": measuring.host()}
    rows: list[Row] = []
    for name in args.only or SHOWS:
        folder = Path(session.dir) / name
        folder.mkdir()
        with Processes(kit.settings_of(session.dir), folder) as processes:
            found[name] = SHOWS[name](Watched(processes))
        rows += rows_of(name, found[name])
        for line in found[name].get("savings", []):
            kit.say(line)
    title = f"throttle   SIMULATED scripted market at {DEMO_SPEED:g}x, {kit.core()} core"
    return kit.finish("bench-throttle", title, rows, found, session.dir, args.json)


if __name__ == "__main__":
    sys.exit(main())
