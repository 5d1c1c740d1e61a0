"""Engine time: anchored, monotonic, told of steps and pauses."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.events import ClockFault
from supreme_system_v5.orchestrator.clock import EngineClock

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


class Host:
    """A host whose two clocks are set by hand."""

    def __init__(self) -> None:
        self.wall = START
        self.mono = 500 * SECOND

    def clock(self) -> EngineClock:
        return EngineClock(5.0, lambda: self.wall, lambda: self.mono)

    def advance(self, ns: int) -> None:
        self.wall += ns
        self.mono += ns


def seconds(host: Host, clock: EngineClock, count: int) -> list[ClockFault]:
    faults = []
    for _ in range(count):
        host.advance(SECOND)
        fault = clock.check()
        if fault is not None:
            faults.append(fault)
    return faults


def test_anchored_at_start_and_advanced_by_the_monotonic_clock() -> None:
    host = Host()
    clock = host.clock()
    assert clock.now_ns() == START
    host.mono += 7
    host.wall += 999  # a small slew of the wall clock is not engine time
    assert clock.now_ns() == START + 7
    assert clock.at(host.mono - 5) == START + 7  # an older stamp does not take time back


def test_quiet_clocks_report_nothing() -> None:
    host = Host()
    assert seconds(host, host.clock(), 100) == []


def test_step_forward_is_reported_once_and_followed() -> None:
    host = Host()
    clock = host.clock()
    seconds(host, clock, 3)
    host.wall += 3600 * SECOND
    fault = clock.check()
    assert fault is not None and fault.reason == "clock_step"
    assert fault.magnitude_ns == 3600 * SECOND
    assert clock.now_ns() == host.wall
    assert seconds(host, clock, 10) == []
    assert clock.faults == {"clock_step": 1, "suspend": 0}


def test_step_backward_never_takes_engine_time_back() -> None:
    host = Host()
    clock = host.clock()
    before = clock.now_ns()
    host.wall -= 3600 * SECOND
    fault = clock.check()
    assert fault is not None and fault.magnitude_ns == -3600 * SECOND
    assert clock.now_ns() >= before
    assert seconds(host, clock, 10) == []  # the difference is the new normal
    assert clock.now_ns() == before + 10 * SECOND
    host.wall += 3600 * SECOND  # stepped back to right: reported, and engine time meets the wall again
    fault = clock.check()
    assert fault is not None and fault.magnitude_ns == 3600 * SECOND
    assert clock.now_ns() == host.wall


def test_a_divergence_of_a_second_is_not_yet_a_step() -> None:
    host = Host()
    clock = host.clock()
    host.wall += SECOND
    assert clock.check() is None
    host.wall += 1
    assert clock.check() is not None


def test_a_pause_of_the_loop_is_a_suspend() -> None:
    host = Host()
    clock = host.clock()
    host.advance(6 * SECOND)
    assert clock.check() is None
    host.advance(6 * SECOND + 1)
    fault = clock.check()
    assert fault is not None and fault.reason == "suspend" and fault.magnitude_ns == 6 * SECOND + 1
    assert fault.time_ns == clock.now_ns() == host.wall


def test_a_machine_that_slept_wakes_up_at_wall_time() -> None:
    host = Host()
    clock = host.clock()
    host.wall += 8 * 3600 * SECOND  # the monotonic clock stood still
    fault = clock.check()
    assert fault is not None and clock.now_ns() == host.wall


def test_simulated_time_is_what_the_exchange_says() -> None:
    host = Host()
    clock = host.clock()
    clock.set_sim_time(42)
    host.advance(100 * SECOND)
    assert clock.now_ns() == 42 and clock.at(host.mono) == 42
    clock.set_sim_time(41)
    assert clock.now_ns() == 42
    clock.set_sim_time(50)
    assert clock.now_ns() == 50
    host.wall += 3600 * SECOND
    assert clock.check() is None  # the exchange is the clock


@given(st.lists(st.tuples(st.integers(-10 * SECOND, 10 * SECOND), st.integers(0, 10 * SECOND)), max_size=40))
def test_never_backwards(moves: list[tuple[int, int]]) -> None:
    host = Host()
    clock = host.clock()
    last = clock.now_ns()
    for wall_step, advance in moves:
        host.advance(advance)
        host.wall += wall_step
        fault = clock.check()
        now = clock.now_ns()
        assert now >= last
        assert fault is None or fault.time_ns <= now
        last = now


def test_the_check_runs_on_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supreme_system_v5.orchestrator.clock.CHECK_SECONDS", 0.05)
    host = Host()
    clock = host.clock()
    faults: list[ClockFault] = []

    async def run() -> None:
        host.wall += 60 * SECOND
        clock.start(asyncio.get_running_loop(), faults.append)
        await asyncio.sleep(0.12)
        clock.stop()
        host.wall += 60 * SECOND
        await asyncio.sleep(0.12)

    asyncio.run(run())
    assert [fault.reason for fault in faults] == ["clock_step"]
