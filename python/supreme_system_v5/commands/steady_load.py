"""A daemon under a steady load on the separate exchange: what soak and load measurements have in common."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from supreme_system_v5.adapters.monitoring.text import number, pick, table
from supreme_system_v5.commands import measuring
from supreme_system_v5.commands.measuring import MeasureError, Processes
from supreme_system_v5.commands.steady_exchange import NS_PER_HOUR, START_NS
from supreme_system_v5.config import Settings

MB: Final = 1024 * 1024
SKIPPED_SHARE: Final = 0.1  # of the run, before the fit
STALL_SECONDS: Final = 60.0

Point = tuple[float, float]  # market hours, RSS in MB


def slope(points: Sequence[Point]) -> float:
    """MB an hour: the least-squares line through (hours, MB); 0.0 of fewer than two different times."""
    count = len(points)
    if count < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread > 0.0 else 0.0


def settled(points: Sequence[Point]) -> list[Point]:
    """The points after the first tenth of the time they cover."""
    if not points:
        return []
    first, last = points[0][0], points[-1][0]
    return [point for point in points if point[0] >= first + SKIPPED_SHARE * (last - first)]


def growth_mb(points: Sequence[Point]) -> float:
    """What the fitted line after the first tenth rises by, over the time it covers, MB."""
    tail = settled(points)
    return slope(tail) * (tail[-1][0] - tail[0][0]) if tail else 0.0


def measure(
    settings: Settings,
    folder: Path,
    hours: float,
    rate: float,
    speed: float,
    seed: int = 1,
    sample_seconds: float = 1.0,
    say: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """Play ``hours`` of market time at ``rate`` trades a second and ``speed`` (0 = as fast as the sockets go).

    /metrics is scraped with every sample. Raises MeasureError when the daemon ends or stands still.
    """
    command = [sys.executable, "-m", "supreme_system_v5.commands.steady_exchange"]
    options = {"market": settings.market, "rate": rate, "hours": hours, "speed": speed, "seed": seed}
    with Processes(settings, folder) as processes:
        (processes.home.root / ".env").touch()
        processes.start_exchange([f"--{key}={value}" for key, value in options.items()], command)
        daemon = processes.start_daemon()
        samples = _sample(processes, daemon.pid, hours, sample_seconds, daemon.poll, say)
        status = processes.status(10.0)
        cpu_seconds, peak = measuring.cpu_seconds(daemon.pid), measuring.memory_bytes(daemon.pid)[1]
        wall_seconds = samples[-1]["wall_s"] - samples[0]["wall_s"]
        cpu = samples[-1]["cpu_s"] - samples[0]["cpu_s"]
        journal_bytes = sum(path.stat().st_size for path in processes.home.state_dir.glob("journal.db*"))
        measuring.end(daemon)
    points = [(item["hours"], item["rss_mb"]) for item in samples]
    gate = table(status, "gate")
    return {
        "market": settings.market,
        "core": pick(status, "core"),
        "rate": rate,
        "speed": speed,
        "hours": samples[-1]["hours"],
        "wall_seconds": round(wall_seconds, 1),
        "trades": int(number(gate.get("seen"))),
        "trades_asked": int(hours * 3_600 * rate),
        "frames": int(number(pick(status, "frames", "processed"))),
        "skip_ratio": number(gate.get("skip_ratio")),
        "trades_closed": int(number(pick(status, "trades_session"))),
        "cpu_percent": round(100 * cpu / max(1e-9, wall_seconds), 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "rss_peak_mb": round(peak / MB, 2),
        "rss_slope_mb_per_hour": round(slope(settled(points)), 4),
        "rss_growth_mb": round(growth_mb(points), 3),
        "journal_mb": round(journal_bytes / MB, 2),
        "latency_ms": table(status, "latency_ms"),
        "frame_latency_ms": table(status, "frame_latency_ms"),
        "throttle": table(status, "throttle"),
        "gaps": table(status, "gaps"),
        "reconnects": table(status, "reconnects"),
        "exit_code": daemon.returncode,
        "host": measuring.host(),
        "series": samples,
    }


def _sample(
    processes: Processes,
    pid: int,
    hours: float,
    sample_seconds: float,
    poll: Callable[[], int | None],
    say: Callable[[str], None],
) -> list[dict[str, float]]:
    samples: list[dict[str, float]] = []
    began = moved = said = time.monotonic()
    last_ns = 0.0
    while True:
        time.sleep(sample_seconds)
        if poll() is not None:
            raise MeasureError(f"the daemon ended too early{processes.said('daemon')}")
        now = time.monotonic()
        status = processes.status(10.0)
        time_ns = number(pick(status, "time_ns"))
        if time_ns > last_ns:
            last_ns, moved = time_ns, now
        if number(pick(status, "gate", "seen")) > 0:
            measuring.fetch(str(pick(status, "urls", "metrics")))
            done_hours = (last_ns - START_NS) / NS_PER_HOUR
            samples.append(
                {
                    "wall_s": round(now - began, 2),
                    "hours": round(done_hours, 4),
                    "rss_mb": round(measuring.memory_bytes(pid)[0] / MB, 3),
                    "cpu_s": measuring.cpu_seconds(pid),
                    "trades": number(pick(status, "gate", "seen")),
                }
            )
            if now - said >= 30.0:
                said = now
                say(f"{done_hours:.2f} of {hours:g} h, RSS {samples[-1]['rss_mb']:.1f} MB")
        if samples and _is_over(processes) and now - moved >= min(2.0, 2 * sample_seconds):
            return samples
        if now - moved > STALL_SECONDS:
            raise MeasureError(f"market time stands still{processes.said('daemon')}")


def _is_over(processes: Processes) -> bool:
    try:
        return bool(json.loads(measuring.fetch(f"http://127.0.0.1:{processes.port}/x/status"))["ended"])
    except (OSError, ValueError, KeyError):
        return True
