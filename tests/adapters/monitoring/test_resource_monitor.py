"""The monitor measures this very process: real CPU, real lag, real RSS."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.adapters.monitoring import resource_monitor as module
from supreme_system_v5.adapters.monitoring.ladder import cpu_ladder, memory_ladder
from supreme_system_v5.adapters.monitoring.resource_monitor import Measurements, ResourceMonitor, percentile

MB = 1024 * 1024


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_percentile_is_the_nearest_rank(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_rss_and_peak_follow_an_allocation() -> None:
    before = module.rss_bytes()
    block = bytearray(b"x" * (24 * MB))
    during = module.rss_bytes()
    assert during - before > 20 * MB
    assert module.peak_rss_bytes() >= during - MB
    assert len(block) == 24 * MB


def test_cpu_window_is_60_seconds() -> None:
    measured = Measurements()
    for second in range(61):  # a busy minute
        measured.on_sample(float(second), 0.9 * second, 0)
    assert measured.cpu_percent == pytest.approx(90.0)
    for second in range(1, 61):  # then an idle one
        measured.on_sample(60.0 + second, 54.0, 0)
        assert measured.cpu_percent == pytest.approx(90.0 * (60 - second) / 60)
    assert measured.cpu_last_percent == 0.0


def test_lag_leaves_the_window_after_10_seconds() -> None:
    measured = Measurements()
    measured.on_lag(0.0, 0.5)
    for tenth in range(1, 101):
        measured.on_lag(tenth / 10, 0.001)
    assert measured.lag_p99_ms() == pytest.approx(1.0)  # 1 of 101 is what p99 leaves out
    measured.on_lag(5.0, -3.0)
    assert min(lag for _, lag in measured._lags) == 0.0


def judged(rss_mb: list[float], cpu_share: float) -> tuple[list[tuple[int, int]], list[str], ResourceMonitor]:
    calls: list[tuple[int, int]] = []
    texts: list[str] = []
    monitor = ResourceMonitor(
        100,
        50,
        100,
        lambda cpu, memory: calls.append((cpu, memory)),
        texts.append,
        cpu_ladder(3.0, 6.0),
        memory_ladder(),
    )
    for second, mb in enumerate(rss_mb):
        monitor.judge(float(second), cpu_share * second, int(mb * MB))
    return calls, texts, monitor


def test_pressure_is_told_on_change_only_and_steps_are_explained() -> None:
    calls, texts, monitor = judged([50.0] * 15, 0.9)
    # Each step starts its own window, so the next one comes 3 s after the first sample of that window.
    assert calls == [(1, 0), (2, 0), (3, 0), (4, 0)]
    steps = [text for text in texts if text.startswith("CPU pressure")]
    assert steps[0].startswith("CPU pressure: normal -> intervals x2 (CPU 90.0 % of 50 %")
    assert sum(text.startswith("CPU step") for text in texts) >= 3, "each step's saving is told"
    assert monitor.throttle()["cpu_name"] == "reduce-only"


def test_memory_pressure_reaches_the_shutdown_level() -> None:
    calls, texts, _ = judged([70.0, 85, 85, 85, 95, 95, 101, 101, 101], 0.0)
    assert calls == [(0, 1), (0, 2), (0, 3)]
    assert texts[-1] == "memory pressure: no new entries -> orderly shutdown (RSS 101 MB, 101 % of 100 MB)"


def test_a_step_that_helped_is_not_followed_by_another() -> None:
    """The minute before the step must not condemn the step: its window starts anew."""
    calls: list[tuple[int, int]] = []
    monitor = ResourceMonitor(100, 50, 100, lambda c, m: calls.append((c, m)), cpu=cpu_ladder(12.0, 300.0))
    cpu_s = 0.0
    for second in range(200):
        cpu_s += 0.95 if not calls else 0.45
        monitor.judge(float(second), cpu_s, 0)
    assert calls == [(1, 0)]


def test_live_loop_lag_and_cpu_raise_the_level() -> None:
    async def busy() -> ResourceMonitor:
        monitor = ResourceMonitor(10_000, 1_000, 20, lambda *_: None, cpu=cpu_ladder(1.0, 60.0))
        monitor.start()
        end = time.monotonic() + 3.4
        while time.monotonic() < end:
            stop = time.monotonic() + 0.15  # the loop is held for 150 ms at a time
            while time.monotonic() < stop:
                pass
            await asyncio.sleep(0.01)
        monitor.stop()
        monitor.stop()
        return monitor

    monitor = asyncio.run(busy())
    assert monitor.cpu.level >= 1
    found = monitor.resources()
    assert float(str(found["loop_lag_ms_p99"])) > 20
    assert float(str(found["cpu_percent"])) > 20
    assert int(str(found["rss_bytes"])) > 5 * MB


def test_watching_costs_less_than_half_a_percent_of_a_core() -> None:
    async def idle() -> float:
        monitor = ResourceMonitor(10_000, 1_000, 1_000, lambda *_: None)
        monitor.start()
        await asyncio.sleep(0.1)
        before = time.process_time()
        await asyncio.sleep(2.0)
        used = time.process_time() - before
        monitor.stop()
        return used / 2.0

    assert asyncio.run(idle()) < 0.005


def test_stop_inside_on_pressure_ends_the_timer() -> None:
    async def run() -> int:
        calls: list[int] = []

        def stop(_cpu: int, memory: int) -> None:
            calls.append(memory)
            monitor.stop()

        monitor = ResourceMonitor(1, 1_000, 1_000, stop)
        monitor.memory = memory_ladder(0.0, 0.0)
        monitor.start()
        await asyncio.sleep(2.3)
        return len(calls)

    assert asyncio.run(run()) == 1
