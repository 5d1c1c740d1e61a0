"""What recording costs: two daemons side by side on the same exchange and the recorded frames at 1x, one recording.

    SUPREME_DATA_DIR=<recordings> python benchmarks/bench_record.py [--market spot|usdm] [--window 60] [--json FILE]

Per market: CPU and memory of both daemons over the same seconds and their ratio, MB an hour, and the replay of what was
recorded (events a second, no difference). Then the journal's commit with and without the recorder's haste before it.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import bench_kit as kit

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.words import AccountKey
from supreme_system_v5.adapters.monitoring.resource_monitor import percentile
from supreme_system_v5.adapters.storage.recording import layout
from supreme_system_v5.adapters.storage.recording.keeping import recordings, size_of
from supreme_system_v5.adapters.storage.recording.reader import Recording
from supreme_system_v5.adapters.storage.recording.tape import Tape
from supreme_system_v5.adapters.storage.recording.writer import SegmentWriter
from supreme_system_v5.commands import measuring
from supreme_system_v5.commands.bench_light import Row
from supreme_system_v5.commands.measuring import Processes
from supreme_system_v5.commands.replay import replay_one
from supreme_system_v5.core.domain.effects import StateRecord
from supreme_system_v5.core.domain.events import Command

CPU_POINTS_MAX = 1.0  # of a core, on top
RSS_MB_MAX = 8.0  # on top
COMMITS = 400
PENDING_BYTES = 24_000  # of a second of frames
COMMIT_MS_MAX = 0.1  # on top, p50


def measure(market: str, args: Any, folder: Path) -> dict[str, Any]:
    """Both daemons over the same window. Raises MeasureError."""
    settings = kit.settings_of(folder, MARKET=market)
    other = Path(tempfile.mkdtemp(prefix="supreme-"))
    try:
        with Processes(settings, folder) as processes:
            for home in (processes.home.root, other):
                (home / ".env").touch()
            processes.start_exchange(["--recording", kit.recording(market), "--speed=1"])
            plain = processes.start_daemon(SUPREME_RECORD="false")
            recorded = processes.start_daemon(SUPREME_RECORD="true", SUPREME_HOME=str(other))
            time.sleep(args.warmup)
            before = (measuring.cpu_seconds(plain.pid), measuring.cpu_seconds(recorded.pid), _bytes(other))
            began = time.monotonic()
            time.sleep(args.window)
            span = time.monotonic() - began
            after = (measuring.cpu_seconds(plain.pid), measuring.cpu_seconds(recorded.pid), _bytes(other))
            rss = (measuring.memory_bytes(plain.pid)[0], measuring.memory_bytes(recorded.pid)[0])
            measuring.end(plain)
            measuring.end(recorded)
        began = time.monotonic()
        report = replay_one(Recording(recordings(other / "run_artifacts")[-1]))
        seconds = time.monotonic() - began
    finally:
        shutil.rmtree(other, ignore_errors=True)
    cpu = [100 * (after[n] - before[n]) / span for n in (0, 1)]
    return {
        "cpu_percent": [round(one, 3) for one in cpu],
        "cpu_ratio": round(cpu[1] / cpu[0], 3),
        "rss_mb": [round(one / kit.MB, 2) for one in rss],
        "mb_per_hour": round((after[2] - before[2]) / span * 3_600 / 1e6, 1),
        "replay_events": report.outcome.events,
        "replay_per_second": round(report.outcome.events / seconds),
        "replay_exit": report.exit_code,
    }


def _bytes(home: Path) -> int:
    return sum(size_of(folder) for folder in recordings(home / "run_artifacts"))


def commits(folder: Path) -> dict[str, list[float]]:
    """Awaited commits in ms, in turns without a recorder and with one that has a second of frames queued."""
    key = AccountKey("paper", "simulated", "usdm", "ETH-USDT")
    recording = folder / "20260101T000000Z-0000" / layout.FOLDER
    recording.mkdir(parents=True)
    (recording / layout.HEADER_NAME).write_text("{}")
    writer = SegmentWriter(recording, folder, 512 * kit.MB, kit.say)
    writer.start()
    tape = Tape(writer)
    tape.begin_segment()
    idle = Tape(_Nowhere())
    journal = Journal.open(folder / "journal.db", key)
    times: dict[str, list[float]] = {"plain": [], "recorded": []}

    async def run() -> None:
        for turn in range(2 * COMMITS):
            name = "recorded" if turn % 2 else "plain"
            journal.set_before_write(writer.flush if turn % 2 else _nothing)
            for number in range(100):  # the same work before either: a busy host takes the core away after it
                (tape if turn % 2 else idle).event(Command(turn, "stop", " " * (PENDING_BYTES // 100)), number)
            began = time.perf_counter_ns()
            await journal.commit([StateRecord(turn + 1, "day", str(turn))])
            times[name].append((time.perf_counter_ns() - began) / 1e6)
            await asyncio.sleep(0.002)

    asyncio.run(run())
    journal.close()
    writer.close(5.0)
    return times


class _Nowhere:
    is_segment_full = False

    def put(self, _entry: bytes) -> None:
        return None


def _nothing() -> None:
    return None


def rows_of(market: str, found: dict[str, Any]) -> list[Row]:
    cpu, rss = found["cpu_percent"], found["rss_mb"]
    words = f"{cpu[0]:.2f} -> {cpu[1]:.2f} %, x {found['cpu_ratio']:.2f}"
    return [
        kit.told(f"{market}: CPU without, with", words),
        kit.below(f"{market}: CPU on top", cpu[1] - cpu[0], CPU_POINTS_MAX, "points"),
        kit.told(f"{market}: RSS without, with", f"{rss[0]:.1f} -> {rss[1]:.1f} MB"),
        kit.below(f"{market}: RSS on top", rss[1] - rss[0], RSS_MB_MAX, "MB", 1),
        kit.told(f"{market}: recording", f"{found['mb_per_hour']:.1f} MB/h"),
        kit.told(f"{market}: replay", f"{found['replay_per_second']:,} events/s"),
        Row(f"{market}: replayed", f"{found['replay_events']:,} events", "0 differences", found["replay_exit"] == 0),
    ]


def main() -> int:
    parser = kit.parser(__doc__)
    parser.add_argument("--market", choices=tuple(kit.RECORDINGS), action="append", default=[])
    parser.add_argument("--warmup", type=float, default=20.0)
    parser.add_argument("--window", type=float, default=60.0, help="seconds over which CPU is measured")
    args = parser.parse_args()
    session = kit.new_session()
    found: dict[str, Any] = {"host": measuring.host()}
    rows: list[Row] = []
    for market in args.market or list(kit.RECORDINGS):
        found[market] = measure(market, args, session.dir)
        rows += rows_of(market, found[market])
    with tempfile.TemporaryDirectory(prefix="supreme-") as folder:
        times = commits(Path(folder))
    figures = {name: [percentile(values, 0.5), percentile(values, 0.99)] for name, values in times.items()}
    found["commit_ms"] = figures
    on_top = figures["recorded"][0] - figures["plain"][0]
    words = " -> ".join(f"{figures[name][0]:.3f}" for name in ("plain", "recorded"))
    tail = " -> ".join(f"{figures[name][1]:.2f}" for name in ("plain", "recorded"))
    rows.append(kit.told("journal commit p50 without, with", f"{words} ms"))
    rows.append(kit.told("journal commit p99 without, with", f"{tail} ms"))
    rows.append(kit.below("journal commit on top, p50", on_top, COMMIT_MS_MAX, "ms", 3))
    title = f"record   SIMULATED exchange, recorded frames at 1x, {kit.core()} core"
    return kit.finish("bench-record", title, rows, found, session.dir, args.json)


if __name__ == "__main__":
    sys.exit(main())
