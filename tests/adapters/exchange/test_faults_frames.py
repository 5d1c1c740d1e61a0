"""Faults of frames and of user data events that the market data tests of test_faults.py do not show."""

from __future__ import annotations

from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.faults.box import CUT, HALF_OPEN, PLAIN, SHUTDOWN, FaultBox, WireFrame
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER
from tests.adapters.exchange.test_faults import frames_under, plain, whole
from tests.adapters.exchange.worlds import SECOND, START_NS, generated, walk


def test_drop_loses_frames_by_the_seed() -> None:
    plan = [{"kind": "drop", "at_seconds": 1, "args": {"stream": "quote", "probability": 0.5, "seconds": 2}}]
    clean, out, _ = frames_under(plan, 4, seed=3)
    lost = [item for item in whole(clean) if item not in set(plain(out))]
    assert all(START_NS + SECOND <= at < START_NS + 3 * SECOND and "bookTicker" in name for at, name, _ in lost)
    quotes = [item for item in whole(clean) if "bookTicker" in item[1] and SECOND <= item[0] - START_NS < 3 * SECOND]
    assert 0.3 * len(quotes) < len(lost) < 0.7 * len(quotes)
    assert frames_under(plan, 4, seed=3)[1] == out
    assert frames_under(plan, 4, seed=4)[1] != out


def test_delay_moves_frames_but_keeps_their_order() -> None:
    plan = [{"kind": "delay", "at_seconds": 1, "args": {"stream": "trade", "delay_ms": 400, "seconds": 1}}]
    clean, out, _ = frames_under(plan, 5)
    trades = [frame for frame in out if "aggTrade" in frame.stream]
    wanted = [frame for frame in clean if "aggTrade" in frame.stream]
    assert [frame.payload for frame in trades] == [frame.payload for frame in wanted[: len(trades)]]
    assert len(out) >= len(clean) - 1
    for sent, frame in zip(trades, wanted, strict=False):
        late = sent.time_ns - frame.time_ns
        inside = SECOND <= frame.time_ns - START_NS < 2 * SECOND
        assert (late >= 400_000_000) if inside else (late < 500_000_000)
    assert max(b.time_ns - a.time_ns for a, b in zip(wanted, trades, strict=False)) < 600_000_000
    assert [frame.time_ns for frame in out] == sorted(frame.time_ns for frame in out)
    others = [(f.time_ns, f.payload) for f in out if "aggTrade" not in f.stream]
    assert others == [(f.time_ns, f.payload) for f in clean if "aggTrade" not in f.stream]


def test_delayed_frames_leave_although_nothing_follows() -> None:
    box = FaultBox(START_NS)
    box.inject("delay", {"stream": "quote", "delay_ms": 100, "seconds": 10}, START_NS)
    quotes = [frame for frame in walk(generated(), 1) if "bookTicker" in frame.stream][:1]
    assert box.apply(quotes) == []
    assert not box.is_idle
    assert box.apply([], "", quotes[0].time_ns + 99_000_000) == []
    (sent,) = box.apply([], "", quotes[0].time_ns + 100_000_000)
    assert (sent.payload, sent.time_ns) == (quotes[0].payload, quotes[0].time_ns + 100_000_000)


def test_a_fault_of_one_market_leaves_the_other_alone() -> None:
    box = FaultBox(START_NS)
    box.inject("gap", {"stream": "quote", "count": 1_000, "market": "spot"}, START_NS)
    frames = walk(generated("spot"), 1)
    assert [frame.payload for frame in box.apply(frames, "usdm")] == [frame.payload for frame in frames]
    assert not any("bookTicker" in frame.stream for frame in box.apply(frames, "spot"))


def marks(out: list[WireFrame]) -> list[tuple[str, str, str, float]]:
    return [(f.form, f.stream, f.market, (f.time_ns - START_NS) / SECOND) for f in out if f.form != PLAIN]


def test_half_open_marks_the_sockets_once_and_new_ones_while_it_lasts() -> None:
    plan = [{"kind": "half_open", "at_seconds": 1, "args": {"stream": "depth", "seconds": 2}}]
    _, out, _ = frames_under(plan, 2)
    assert [(form, stream) for form, stream, _, _ in marks(out)] == [(HALF_OPEN, "depth")]
    box = FaultBox(START_NS, plan)
    for seconds, kinds, wanted in (
        (0, {"depth"}, False),
        (1, {"depth"}, True),
        (1, {"quote"}, False),
        (3, {"depth"}, False),
    ):
        assert box.is_half_open("spot", kinds, START_NS + seconds * SECOND) == wanted


def test_maintenance_tells_of_the_shutdown_then_cuts() -> None:
    box = FaultBox(START_NS)
    box.inject("maintenance", {"notice_seconds": 2, "seconds": 5, "market": "spot"}, START_NS + SECOND)
    out: list[WireFrame] = []
    for seconds in range(10):
        out += box.apply([], "", START_NS + seconds * SECOND)
    assert marks(out) == [(SHUTDOWN, "", "spot", 0.0), (CUT, "", "spot", 3.0)]
    assert b'"e":"serverShutdown"' in out[0].payload


def events(args: dict[str, Any], kind: str = "silence", count: int = 6) -> tuple[FaultBox, list[list[Any]]]:
    """What happens to one event a second, the fault from second 1 on."""
    box = FaultBox(START_NS, [{"kind": kind, "at_seconds": 1, "args": {"stream": "user", **args}}])
    out = []
    for i in range(count):
        now_ns = START_NS + i * SECOND
        out.append([*box.due_events(now_ns), *box.pass_event("spot", i, now_ns)])
    return box, out


def test_user_data_silence_holds_events_back_in_order() -> None:
    box, out = events({"seconds": 3})
    assert out == [[0], [], [], [], [1, 2, 3, 4], [5]]
    assert box.next_event_ns == NEVER
    assert box.is_idle


def test_user_data_silence_that_loses_events() -> None:
    assert events({"seconds": 3, "mode": "drop"})[1] == [[0], [], [], [], [4], [5]]


@pytest.mark.parametrize(
    ("kind", "args", "wanted"),
    [
        ("gap", {"count": 2}, [[0], [], [], [3], [4], [5]]),
        ("duplicate", {"count": 1}, [[0], [1, 1], [2], [3], [4], [5]]),
        ("delay", {"delay_ms": 1_500, "seconds": 1}, [[0], [], [], [1, 2, 3], [4], [5]]),
    ],
)
def test_other_faults_of_user_data(kind: str, args: dict[str, Any], wanted: list[list[int]]) -> None:
    assert events(args, kind)[1] == wanted


def test_a_fault_of_market_streams_is_not_about_user_data() -> None:
    box = FaultBox(START_NS)
    box.inject("silence", {"seconds": 5}, START_NS)
    assert box.pass_event("spot", "event", START_NS) == ["event"]
    assert box.due_events(START_NS) == []
