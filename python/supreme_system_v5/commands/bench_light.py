"""bench-light: the real daemon on a separate simulated exchange, measured from outside, against the targets."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from typing import Any, Final, NamedTuple

from supreme_system_v5.adapters.monitoring.report import BENCH_LIGHT, save_report
from supreme_system_v5.adapters.monitoring.text import duration, number, pick, plural, table
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands import bench_page, measuring
from supreme_system_v5.commands.measuring import MeasureError, Processes
from supreme_system_v5.commands.status import show
from supreme_system_v5.config import Settings

DURATION_SECONDS: Final = 900.0
SAMPLES: Final = 1000
SAMPLE_SECONDS: Final = 1.0
START_POLL_SECONDS: Final = 0.02
WARMUP_SECONDS_MAX: Final = 60.0
MB: Final = 1024 * 1024

P50_MS_MAX: Final = 0.2
P95_MS_MAX: Final = 0.5
SKIP_RANGE: Final = (0.60, 0.80)
RSS_MB_MAX: Final = 64.0
START_SECONDS_MAX: Final = 2.0
CPU_PERCENT_MAX: Final = {"usdm": 4.0, "spot": 3.0}  # at the market's own speed


class Row(NamedTuple):
    """One figure; ``is_met`` None means it is told, not judged."""

    name: str
    value: str
    target: str
    is_met: bool | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("SAMPLES") or SAMPLES
    parser.add_argument("--samples", type=int, default=default, metavar="N", help="latency samples that must be there")


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Measure, print, save; 1 when a target is missed or the samples are fewer than asked."""
    seconds = float(args.duration or DURATION_SECONDS)
    home = Home(settings.home)
    home.create()
    session = home.new_session(time.time_ns())
    with Processes(settings, session.dir) as processes:
        found = measure(processes, settings, seconds)
    rows = verdicts(found, settings, int(args.samples))
    missed = [row.name for row in rows if row.is_met is False]
    document = {
        "schema_version": 1,
        "bench": BENCH_LIGHT,
        "session": session.id,
        "ok": not missed,
        "missed": missed,
        "rows": [row._asdict() for row in rows],
        **found,
    }
    text = "\n".join(filter(None, [render(rows, found, missed), too_few(found, seconds, int(args.samples))]))
    page = session.dir / f"{BENCH_LIGHT}.html"
    page.write_text(bench_page.render(document, rows), encoding="utf-8")
    path = save_report(session.dir, BENCH_LIGHT, document, text)
    if args.json:
        print(measuring.as_json({key: value for key, value in document.items() if key != "series"}))
    else:
        show(f"{text}\n\nreport {path}\npage   {page}")
    return 1 if missed else 0


def measure(processes: Processes, settings: Settings, seconds: float) -> dict[str, Any]:
    """Run both processes for ``seconds`` after the first processed trade. Raises MeasureError."""
    processes.start_exchange()
    began = time.monotonic()
    daemon = processes.start_daemon()
    status = _first_pass(processes, daemon, began)
    start_seconds = time.monotonic() - began
    warmup = min(WARMUP_SECONDS_MAX, seconds / 5)
    series: list[dict[str, float]] = []
    cpu_from: tuple[float, float, float] | None = None
    first_s = time.monotonic()
    last_cpu = (first_s, measuring.cpu_seconds(daemon.pid))
    while (elapsed := time.monotonic() - first_s) < seconds:
        _progress(elapsed, seconds, status)
        time.sleep(min(SAMPLE_SECONDS, max(0.0, seconds - elapsed)))
        if daemon.poll() is not None:
            raise MeasureError(f"the daemon ended with {daemon.returncode} too early{processes.said('daemon')}")
        now, cpu = time.monotonic(), measuring.cpu_seconds(daemon.pid)
        status = processes.status() or status
        scrape_ms = _scrape(status)
        frames = number(pick(status, "frames", "processed"))
        if cpu_from is None and now - first_s >= warmup:
            cpu_from = (now, cpu, frames)
        series.append(
            {
                "t": round(now - first_s, 2),
                "rss_mb": round(measuring.memory_bytes(daemon.pid)[0] / MB, 2),
                "cpu_percent": round(100 * (cpu - last_cpu[1]) / max(1e-9, now - last_cpu[0]), 2),
                "p95_ms": number(pick(status, "latency_ms", "p95")),
                "skip_ratio": number(pick(status, "gate", "skip_ratio")),
                "scrape_ms": scrape_ms,
            }
        )
        last_cpu = (now, cpu)
    _progress(seconds, seconds, status)
    now, cpu = time.monotonic(), measuring.cpu_seconds(daemon.pid)
    since_s, since_cpu, since_frames = cpu_from or (first_s, 0.0, 0.0)
    span = max(1e-9, now - since_s)
    peak = measuring.memory_bytes(daemon.pid)[1]
    measuring.end(daemon)
    return {
        "duration_seconds": round(now - first_s, 1),
        "warmup_seconds": warmup,
        "start_seconds": round(start_seconds, 3),
        "cpu_percent": round(100 * (cpu - since_cpu) / span, 3),
        "events_per_second": round((number(pick(status, "frames", "processed")) - since_frames) / span, 1),
        "rss_peak_mb": round(peak / MB, 2),
        "latency_ms": table(status, "latency_ms"),
        "gate": table(status, "gate"),
        "trades_session": number(pick(status, "trades_session")),
        "exit_code": daemon.returncode,
        "core": pick(status, "core"),
        "source_class": pick(status, "source_class"),
        "market": settings.market,
        "sim_speed": settings.sim_speed,
        "recording": settings.sim_recording,
        "host": measuring.host(),
        "series": series,
    }


def _first_pass(processes: Processes, daemon: subprocess.Popen[bytes], began: float) -> dict[str, Any]:
    """Wait for the first trade that passes the gate."""
    while time.monotonic() - began < measuring.READY_SECONDS:
        if daemon.poll() is not None:
            raise MeasureError(f"the daemon ended with {daemon.returncode} at its start{processes.said('daemon')}")
        status = processes.status(0.5)
        if sum(number(value) for value in table(status, "gate", "passes").values()) > 0:
            return status
        time.sleep(START_POLL_SECONDS)
    raise MeasureError(f"no trade passed the gate within {measuring.READY_SECONDS:g} s{processes.said('daemon')}")


def _scrape(status: dict[str, Any]) -> float:
    """Scrape /metrics as a Prometheus server would; how long it took, ms (-1 when it failed)."""
    url = str(pick(status, "urls", "metrics") or "")
    began = time.monotonic()
    try:
        if b"event_skip_ratio" in measuring.fetch(url):
            return round(1000 * (time.monotonic() - began), 2)
    except (OSError, ValueError):
        pass
    return -1.0


def verdicts(found: dict[str, Any], settings: Settings, samples: int) -> list[Row]:
    """Every figure against its target."""
    latency, gate = found["latency_ms"], found["gate"]
    p50, p95, p99 = (number(latency.get(name), float("inf")) for name in ("p50", "p95", "p99"))
    count, skip = int(number(latency.get("count"))), number(gate.get("skip_ratio"))
    at_speed = settings.sim_speed == 1
    cpu_max = CPU_PERCENT_MAX[settings.market] if at_speed else settings.max_cpu_percent
    cpu, rss, start = found["cpu_percent"], found["rss_peak_mb"], found["start_seconds"]
    low, high = SKIP_RANGE
    scrapes = [item["scrape_ms"] for item in found["series"] if item["scrape_ms"] >= 0]
    failed = len(found["series"]) - len(scrapes)
    scrape = f"median {statistics.median(scrapes):.1f} ms, {failed} failed" if scrapes else "none answered"
    return [
        Row("latency samples", f"{count:,}", f">= {samples:,}", count >= samples),
        Row("latency p50", f"{p50:.4f} ms", f"< {P50_MS_MAX} ms", p50 < P50_MS_MAX),
        Row("latency p95", f"{p95:.4f} ms", f"< {P95_MS_MAX} ms", p95 < P95_MS_MAX),
        Row("latency p99", f"{p99:.4f} ms", "", None),
        Row("skip ratio", f"{100 * skip:.1f} %", f"{100 * low:.0f}-{100 * high:.0f} %", low <= skip <= high),
        Row("CPU average", f"{cpu:.2f} % of a core", f"< {cpu_max:g} %", cpu < cpu_max),
        Row("RSS peak", f"{rss:.1f} MB", f"< {RSS_MB_MAX:g} MB", 0 < rss < RSS_MB_MAX),
        Row("events", f"{found['events_per_second']:.0f} /s", "", None),
        Row("start to first pass", f"{start:.2f} s", f"< {START_SECONDS_MAX:g} s", start < START_SECONDS_MAX),
        Row("metrics scrape", scrape, "each second", bool(scrapes) and failed == 0),
        Row("orderly end", f"exit {found['exit_code']}", "exit 0", found["exit_code"] == 0),
    ]


def render(rows: list[Row], found: dict[str, Any], missed: list[str]) -> str:
    """The table for people."""
    words = {True: "ok", False: "MISSED", None: ""}
    head = f"bench-light   SIMULATED market, {found['market']} at {found['sim_speed']:g}x, {found['core']} core"
    lines = [head, f"{duration(found['duration_seconds'])} on {found['host']['cpu']}", ""]
    lines += [f"  {row.name:<20} {row.value:<28} {row.target:<14} {words[row.is_met]}".rstrip() for row in rows]
    return "\n".join([*lines, "", f"missed: {', '.join(missed)}" if missed else "every target is met"])


def too_few(found: dict[str, Any], seconds: float, samples: int) -> str:
    """What to do when there are fewer latency samples than asked; "" when there are enough."""
    count = int(number(found["latency_ms"].get("count")))
    if count >= samples:
        return ""
    remedy = f"DURATION={DURATION_SECONDS:.0f} is the default" if seconds < DURATION_SECONDS else "give more DURATION"
    return f"too few samples: {count:,} of {samples:,} in {duration(seconds)}; {remedy}"


def _progress(elapsed: float, seconds: float, status: dict[str, Any]) -> None:
    """A bar on a terminal, a line a minute elsewhere."""
    count = int(number(pick(status, "latency_ms", "count")))
    text = f"{duration(elapsed)} of {duration(seconds)}, {plural(count, 'sample')}"
    if sys.stderr.isatty():
        filled = round(30 * min(1.0, elapsed / max(seconds, 1e-9)))
        sys.stderr.write(f"\r\x1b[K[{'#' * filled}{'.' * (30 - filled)}] {text}" + ("\n" if elapsed >= seconds else ""))
    elif int(elapsed) % 60 == 0:
        sys.stderr.write(f"bench-light: {text}\n")
    sys.stderr.flush()
