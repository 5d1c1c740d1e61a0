"""Metamorphic faults: what a bad wire may change, and what it may not."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.core.domain.events import FEED_DOWN, FEED_UP, Event, FeedStatus
from supreme_system_v5.core.engine.chart import Chart
from tests.determinism.daemon import BUSY, RecordingRun, settings_of
from tests.determinism.for_loop import ForLoop, digest_of
from tests.determinism.in_process import InProcess
from tests.determinism.recordings import SECOND, long_test, names, recording

BARS = {"BAR_SECONDS": "5"}
Plan = list[dict[str, Any]]


def entry(kind: str, at_seconds: float, **args: object) -> dict[str, Any]:
    return {"kind": kind, "args": args, "at_seconds": at_seconds}


STREAMS = ("trade", "quote", "depth")
HARMLESS: dict[str, Plan] = {
    "duplicate": [entry("duplicate", 3 + i, stream=STREAMS[i % 3], count=20) for i in range(12)],
    "garbage": [entry("garbage", 3 + i, stream=STREAMS[i % 3], count=3, form="bytes") for i in range(6)],
    "truncated": [entry("garbage", 3 + i, stream=STREAMS[i % 3], count=3, form="truncated") for i in range(6)],
    "nan": [entry("garbage", 3 + i, stream=STREAMS[i % 3], count=3, form="nan") for i in range(6)],
    "inf": [entry("garbage", 3 + i, stream=STREAMS[i % 3], count=3, form="inf") for i in range(6)],
    "1e400": [entry("garbage", 3 + i, stream=STREAMS[i % 3], count=3, form="1e400") for i in range(6)],
    "reorder": [entry("reorder", 3 + i, stream=STREAMS[i % 3], count=3) for i in range(12)],
}
SLICE_SECONDS = 30


def play_faulty(
    data_dir: Path, folder: Path, plan: Plan, speed: float, seconds: int, keys: dict[str, str]
) -> tuple[ForLoop, dict[str, Any], int]:
    """The clean loop, the faulty daemon's status, and how many faults the exchange committed."""
    settings = settings_of("usdm", folder, **keys)
    source = recording(data_dir, "usdm")
    clean = ForLoop(source, settings, source.start_ns + seconds * SECOND).run()
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    with RecordingRun(settings, folder, names(data_dir, "usdm"), speed, **keys) as run:
        options = ["--market-seconds", str(seconds), "--faults", str(path)]
        status = run.play(source.last_ns, 40.0, options)
        assert status, run.said("daemon")
        assert run.exit_code == 0
        return clean, status, int(run.last_exchange_status["faults_taken"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("speed", "seconds", "keys"), [(0.0, 340, BUSY), (20.0, SLICE_SECONDS, BARS)], ids=["unpaced, with trades", "20x"]
)
def test_all_that_is_harmless_at_once_gives_the_clean_digest(
    data_dir: Path, tmp_path: Path, speed: float, seconds: int, keys: dict[str, str]
) -> None:
    stretch = seconds / SLICE_SECONDS
    plan = [{**one, "at_seconds": one["at_seconds"] * stretch} for plan in HARMLESS.values() for one in plan]
    clean, status, taken = play_faulty(data_dir, tmp_path, plan, speed, seconds, keys)
    rejected = status["frames"]["rejected"]
    assert taken == len(plan)
    assert status["digest"] == clean.digest
    assert status["trades_closed"] == clean.trading.engine.state.trades_closed >= (2 if keys == BUSY else 0)
    assert status["bars"]["committed"] == clean.trading.engine.chart.committed > 3
    assert status["feeds"]["queue"]["late"] == 0
    assert sum(status["reconnects"].values()) == sum(status["gaps"].values()) == 0
    assert sum(rejected.values()) == 5 * 6 * 3, rejected
    assert {"malformed", "non_finite"} <= set(rejected)
    assert status["frames"]["processed"] == clean.processed + 12 * 20  # the duplicates came, and did nothing
    assert status["bars"]["duplicates"] == 4 * 20


@long_test
@pytest.mark.parametrize("kind", sorted(HARMLESS))
def test_each_harmless_fault_gives_the_clean_digest(data_dir: Path, tmp_path: Path, kind: str) -> None:
    """In one process, quicker than a daemon for each."""
    source = recording(data_dir, "usdm")
    end_ns = source.start_ns + SLICE_SECONDS * SECOND
    clean = ForLoop(source, settings_of("usdm", tmp_path, **BARS), end_ns).run()
    run = InProcess(recording(data_dir, "usdm"), tmp_path, end_ns, 0.0, HARMLESS[kind], **BARS).run(20.0)
    rejected = sum(run.feeds.counters()["frames"]["rejected"].values())
    assert run.server.faults.count == len(HARMLESS[kind])
    assert digest_of(run.trading.engine) == clean.digest
    assert (rejected > 0) is (kind not in ("duplicate", "reorder"))


class Recovery:
    """Notes when a feed came back and when the engine followed the market again, engine time."""

    def __init__(self, returned_ns: list[int]) -> None:
        self.returned_ns = returned_ns
        self.statuses: list[tuple[str, str, int]] = []
        self.healthy: list[tuple[int, bool]] = []

    def __call__(self, run: InProcess, event: Event) -> None:
        engine = run.trading.engine
        chart = engine.chart
        if isinstance(event, FeedStatus) and event.stream and event.state in (FEED_UP, FEED_DOWN):
            self.statuses.append((event.stream, event.state, int(event.time_ns)))
            if event.state == FEED_UP:
                self.returned_ns.append(int(event.time_ns))
        now_ns = int(engine.state.now_ns)
        is_fresh = run.trading.view.bid_e8 > 0 and now_ns - run.trading.view.quote_ns < 2 * SECOND
        is_well = engine.view.local_book.is_synced and not chart.is_awaiting_trades and is_fresh
        if not self.healthy or self.healthy[-1][1] != is_well:
            self.healthy.append((now_ns, is_well))

    def seconds_after(self, time_ns: int) -> float:
        """From ``time_ns`` until all was well and stayed so for a second."""
        is_well = [well for at_ns, well in self.healthy if at_ns <= time_ns][-1]
        ill_ns = time_ns
        for (at_ns, well), (next_ns, _) in pairwise([*self.healthy, (self.healthy[-1][0] + 10**12, False)]):
            if at_ns > time_ns:
                if well and next_ns - at_ns >= SECOND:
                    return 0.0 if is_well else (at_ns - ill_ns) / SECOND
                is_well = False
        return 0.0 if is_well else float("inf")

    def ill_seconds(self) -> list[float]:
        """How long each spell lasted in which the engine did not follow the market."""
        return [(end - at) / SECOND for (at, well), (end, _) in pairwise(self.healthy) if not well]


def committed_bars(chart: Chart) -> tuple[int, list[float]]:
    """End of the last committed bar, and the indicators: they are a function of all bars (open to volume) before it.

    Not their number: a bar that turned out to be wrong is committed again, with those before it.
    """
    return int(chart.last_close_ms), list(chart.analyzer.state())


def clean_bars(data_dir: Path, folder: Path, end_ns: int) -> tuple[int, list[float]]:
    loop = ForLoop(recording(data_dir, "usdm"), settings_of("usdm", folder, **BARS), end_ns).run()
    assert loop.trading.engine.chart.committed >= 4
    return committed_bars(loop.trading.engine.chart)


GAPS = [
    entry("gap", 6, stream="depth", count=3),
    entry("gap", 9, stream="trade", count=3),
    entry("gap", 12, stream="quote", count=200),
    entry("gap", 15, stream="depth", count=40),
    entry("gap", 19, stream="trade", count=60),
]
CUTS = [entry("disconnect", 6, stream="trade"), entry("disconnect", 11, stream="depth"), entry("disconnect", 16)]
SILENCE = [entry("silence", 8, stream="all", seconds=7)]
HOLES: dict[str, tuple[Plan, int]] = {  # and how many reconnects they cost
    "gaps": (GAPS, 0),
    "disconnects": (CUTS, 4),
    "silence": (SILENCE, 0),
}
MORE_HOLES: dict[str, tuple[Plan, int]] = {
    "depth gap": ([one for one in GAPS if one["args"]["stream"] == "depth"], 0),
    "trade gap": ([one for one in GAPS if one["args"]["stream"] == "trade"], 0),
    "disconnect at a bar's end": ([entry("disconnect", 9.6, stream="trade")], 1),
    "silent trades": ([entry("silence", 8, stream="trade", seconds=9)], 0),
    "silent depth": ([entry("silence", 8, stream="depth", seconds=6)], 0),
    "silence and cut": ([entry("silence", 6, stream="trade", seconds=6), entry("disconnect", 10)], 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*HOLES, *[pytest.param(name, marks=long_test) for name in MORE_HOLES]], ids=str)
def test_after_a_hole_the_committed_bars_are_the_same(data_dir: Path, tmp_path: Path, name: str) -> None:
    plan, reconnects = {**HOLES, **MORE_HOLES}[name]
    source = recording(data_dir, "usdm")
    start_ns, end_ns = source.start_ns, source.start_ns + 32 * SECOND
    ends = [one["at_seconds"] + one["args"]["seconds"] for one in plan if one["kind"] == "silence"]
    recovery = Recovery([start_ns + int(seconds * SECOND) for seconds in ends])
    run = InProcess(source, tmp_path, end_ns, 8.0, plan, recovery, **BARS).run(30.0)
    chart = run.trading.engine.chart
    assert run.server.faults.count == len(plan)
    assert committed_bars(chart) == clean_bars(data_dir, tmp_path, end_ns)
    counters = run.feeds.counters()
    assert sum(counters["reconnects"].values()) == reconnects
    depth_gaps = [one for one in plan if one["kind"] == "gap" and one["args"]["stream"] == "depth"]
    if depth_gaps:
        assert run.trading.view.local_book.gaps == len(depth_gaps)
    if {one["args"].get("stream", "all") for one in plan} & {"trade", "all"}:
        assert chart.provisional > 1  # besides the bar that was open at the start
    took = [recovery.seconds_after(int(at_ns)) for at_ns in recovery.returned_ns if at_ns < end_ns - 5 * SECOND]
    if plan[0]["kind"] == "gap":  # the frame after the hole is the feed's return, and it shows the hole
        took += recovery.ill_seconds()
    print(f"{name}: followed the market again {[round(s, 2) for s in took]} s after")
    assert all(seconds <= 5.0 for seconds in took)
    assert recovery.healthy[-1][1]


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 418])
def test_a_refusal_is_obeyed(data_dir: Path, tmp_path: Path, status: int) -> None:
    """Trades are missing, so REST is wanted; it is refused for two seconds, in which nothing may be asked."""
    source = recording(data_dir, "usdm")
    start_ns, end_ns = source.start_ns, source.start_ns + 24 * SECOND
    plan = [
        entry(f"http_{status}", 6, count=1, retry_after=2),
        entry("gap", 7, stream="trade", count=5),
        entry("gap", 7.2, stream="depth", count=5),
    ]
    run = InProcess(source, tmp_path, end_ns, 4.0, plan, **BARS).run(30.0)
    requests = run.server.requests
    refused = [at for at, _, code in requests if code == status]
    assert refused, requests
    for at in refused:
        early = [path for other, path, _ in requests if at + 0.05 < other < at + 2.0]
        assert not early, f"{early} was asked before Retry-After was over"
    assert any(other >= refused[-1] + 2.0 for other, _, _ in requests)
    assert run.feeds.counters()["rest"]["refused"] == {str(status): len(refused)}
    assert committed_bars(run.trading.engine.chart) == clean_bars(data_dir, tmp_path, end_ns)
    assert run.trading.view.local_book.is_synced
    assert int(run.trading.engine.state.now_ns) >= start_ns + 23 * SECOND
