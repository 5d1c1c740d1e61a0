"""Start-up: from the exec of the daemon to its first trade that passes the gate, 500 klines of warm-up included.

    python benchmarks/bench_start.py [--starts 5] [--json FILE]

The exchange is a separate process and ready. "First" starts run a fresh copy of the package without compiled bytecode,
in a new home (journal and all are made); the others follow in the same place. Judged: the median of the first starts
(< 2 s) and of the others (< 1 s). What the processor was busy with is told as user + system time of the daemon.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench_kit as kit

import supreme_system_v5
from supreme_system_v5.adapters.monitoring.text import number, table
from supreme_system_v5.commands import measuring
from supreme_system_v5.commands.measuring import MeasureError, Processes

FIRST_SECONDS_MAX = 2.0
SECONDS_MAX = 1.0
FIRST_STARTS = 3
POLL_SECONDS = 0.005


def fresh_package(folder: Path) -> Path:
    """A copy of the package, compiled modules included, without bytecode; the folder for PYTHONPATH."""
    source = Path(str(supreme_system_v5.__file__)).resolve().parent
    shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    for library in source.parent.glob(f"{source.name}__mypyc*"):
        shutil.copy2(library, folder / library.name)
    return folder


def start_once(processes: Processes, package: Path) -> tuple[float, float]:
    """Seconds to the first pass, and CPU seconds until then; the daemon is stopped again. Raises MeasureError."""
    env = {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": ""}
    began = time.monotonic()
    daemon = processes.start_daemon(**env)
    while time.monotonic() - began < measuring.READY_SECONDS:
        status = processes.status(0.5)
        if sum(number(count) for count in table(status, "gate", "passes").values()) > 0:
            seconds, cpu = time.monotonic() - began, measuring.cpu_seconds(daemon.pid)
            daemon.terminate()
            daemon.wait(measuring.END_SECONDS)
            return seconds, cpu
        if daemon.poll() is not None:
            break
        time.sleep(POLL_SECONDS)
    raise MeasureError(f"no trade passed the gate{processes.said('daemon')}")


def wait_for_load() -> None:
    """A start right behind another process's end is measured with its dust in the air."""
    subprocess.run(["sync"], check=False)
    time.sleep(0.3)


def main() -> int:
    parser = kit.parser(__doc__)
    parser.add_argument("--starts", type=int, default=5, help="after the first")
    parser.add_argument("--market", choices=("usdm", "spot"), default="usdm")
    args = parser.parse_args()
    session = kit.new_session()
    settings = kit.settings_of(session.dir, MARKET=args.market)
    first: list[tuple[float, float]] = []
    later: list[tuple[float, float]] = []
    for turn in range(FIRST_STARTS):
        with tempfile.TemporaryDirectory(prefix="supreme-") as place, Processes(settings, session.dir) as processes:
            (processes.home.root / ".env").touch()
            package = fresh_package(Path(place))
            processes.start_exchange(["--market", args.market])
            wait_for_load()
            first.append(start_once(processes, package))
            for _ in range(args.starts if turn == FIRST_STARTS - 1 else 0):
                wait_for_load()
                later.append(start_once(processes, package))
    middle_first, middle = statistics.median(s for s, _ in first), statistics.median(s for s, _ in later)
    rows = [
        kit.below("first start, median", middle_first, FIRST_SECONDS_MAX, "s", 3),
        kit.below("later starts, median", middle, SECONDS_MAX, "s", 3),
        kit.enough("later starts", len(later), 5),
        kit.told("first starts", " ".join(f"{seconds:.3f}" for seconds, _ in first)),
        kit.told("later starts, each", " ".join(f"{seconds:.3f}" for seconds, _ in later)),
        kit.told("CPU time, first, later", f"{_cpu(first):.2f} s, {_cpu(later):.2f} s"),
        kit.told("load of the machine", " ".join(f"{load:.2f}" for load in os.getloadavg())),
    ]
    found = {"first": first, "later": later, "host": measuring.host()}
    title = f"start-up   SIMULATED {args.market}, separate exchange, {kit.core()} core"
    return kit.finish("bench-start", title, rows, found, session.dir, args.json)


def _cpu(starts: list[tuple[float, float]]) -> float:
    return statistics.median(cpu for _, cpu in starts)


if __name__ == "__main__":
    sys.exit(main())
