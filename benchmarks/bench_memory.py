"""Peak memory (VmHWM) of a daemon that does everything: journal on, scraped each second, a monitor open, trades closed.

    python benchmarks/bench_memory.py [--seconds 60] [--only separate|embedded] [--json FILE]

On a scripted market with 10 s bars at 20x, so that whole trades close within a minute: once on the separate exchange
(< 64 MB), once with the exchange embedded in the daemon (`demo`, < 80 MB). A run without a closed trade, or with a
failed scrape, is a miss.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import bench_kit as kit

from supreme_system_v5.adapters.monitoring.text import number, pick
from supreme_system_v5.commands import measuring
from supreme_system_v5.commands.bench_light import Row
from supreme_system_v5.commands.demo import DEMO_BAR_SECONDS, DEMO_SEED, DEMO_SPEED
from supreme_system_v5.commands.measuring import MAIN_CODE, MeasureError, Processes, cli
from supreme_system_v5.config import Settings

LIMITS_MB = {"separate": 64.0, "embedded": 80.0}
SECONDS_MAX = 240.0  # for the first trade to close


def run(kind: str, settings: Settings, folder: Path, seconds: float) -> dict[str, Any]:
    """At least ``seconds``, and until a trade has closed. Raises MeasureError."""
    with Processes(settings, folder) as processes:
        (processes.home.root / ".env").touch()
        if kind == "separate":
            market = ["--profile", "scripted", f"--bar-seconds={DEMO_BAR_SECONDS}", f"--market-seed={DEMO_SEED}"]
            processes.start_exchange([*market, f"--speed={DEMO_SPEED}"])
            daemon = processes.start_daemon(SUPREME_BAR_SECONDS=str(DEMO_BAR_SECONDS))
        else:
            daemon = processes.start_daemon(cli(MAIN_CODE, "demo", "--duration", "900"))
        began = time.monotonic()
        status: dict[str, Any] = {}
        rss: list[float] = []
        scrapes = failed = 0
        monitor = None
        while (elapsed := time.monotonic() - began) < SECONDS_MAX:
            time.sleep(1.0)
            if daemon.poll() is not None:
                raise MeasureError(f"the daemon ended with {daemon.returncode}{processes.said('daemon')}")
            status = processes.status() or status
            if not status:
                continue
            monitor = monitor or processes.start_monitor()
            scrapes += 1
            failed += not _scraped(status)
            rss.append(measuring.memory_bytes(daemon.pid)[0] / kit.MB)
            if elapsed >= seconds and number(pick(status, "trades_session")) >= 1:
                break
        now, peak = measuring.memory_bytes(daemon.pid)
        is_watched = monitor is not None and monitor.poll() is None
        measuring.end(daemon)
        return {
            "rss_mb": round(now / kit.MB, 2),
            "rss_peak_mb": round(peak / kit.MB, 2),
            "trades_closed": int(number(pick(status, "trades_session"))),
            "commits": int(number(pick(status, "journal", "commits"))),
            "frames": int(number(pick(status, "frames", "processed"))),
            "scrapes": scrapes,
            "scrapes_failed": failed,
            "is_watched": is_watched,
            "exit_code": daemon.returncode,
            "rss_series_mb": [round(value, 2) for value in rss],
        }


def _scraped(status: dict[str, Any]) -> bool:
    try:
        return b"event_skip_ratio" in measuring.fetch(str(pick(status, "urls", "metrics") or ""))
    except (OSError, ValueError):
        return False


def rows_of(kind: str, found: dict[str, Any]) -> list[Row]:
    trades, scrapes, failed = found["trades_closed"], found["scrapes"], found["scrapes_failed"]
    return [
        kit.below(f"{kind}: VmHWM", found["rss_peak_mb"], LIMITS_MB[kind], "MB", 1),
        kit.enough(f"{kind}: trades closed", trades, 1),
        kit.Row(f"{kind}: scrapes", f"{scrapes}, {failed} failed", "0 failed", scrapes > 0 and failed == 0),
        kit.Row(f"{kind}: monitor", "open" if found["is_watched"] else "not there", "open", found["is_watched"]),
        kit.told(f"{kind}: frames, commits", f"{found['frames']:,}, {found['commits']:,}"),
        kit.Row(f"{kind}: orderly end", f"exit {found['exit_code']}", "exit 0", found["exit_code"] == 0),
    ]


def main() -> int:
    parser = kit.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run, at least")
    parser.add_argument("--only", choices=tuple(LIMITS_MB))
    args = parser.parse_args()
    session = kit.new_session()
    settings = kit.settings_of(session.dir)
    found: dict[str, Any] = {"host": measuring.host()}
    rows: list[Row] = []
    for kind in [args.only] if args.only else list(LIMITS_MB):
        found[kind] = run(kind, settings, session.dir, args.seconds)
        rows += rows_of(kind, found[kind])
    title = f"memory   SIMULATED scripted market at {DEMO_SPEED:g}x, {kit.core()} core"
    return kit.finish("bench-memory", title, rows, found, session.dir, args.json)


if __name__ == "__main__":
    sys.exit(main())
