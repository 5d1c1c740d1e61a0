"""The ladders: one step at a time, up after sustained excess, down after sustained relief, never a flutter."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.adapters.monitoring.ladder import (
    CPU_LEVEL_MAX,
    CPU_NAMES,
    MEMORY_LEVEL_MAX,
    RELIEF,
    Ladder,
    SavingMeter,
    cpu_ladder,
    memory_ladder,
)

steps = st.lists(
    st.tuples(st.floats(0.01, 20.0), st.one_of(st.floats(0.0, 2.0), st.just(math.nan), st.just(math.inf))), max_size=200
)


def feed_for(ladder: Ladder, start_s: float, seconds: float, value: float) -> float:
    """One sample a second; returns the time after the last."""
    time_s = start_s
    while time_s <= start_s + seconds:
        ladder.feed(time_s, value)
        time_s += 1.0
    return time_s


@given(steps)
def test_levels_move_one_at_a_time_within_their_range(samples: list[tuple[float, float]]) -> None:
    for ladder, top in ((cpu_ladder(), CPU_LEVEL_MAX), (memory_ladder(), MEMORY_LEVEL_MAX)):
        time_s, before = 0.0, 0
        for gap_s, value in samples:
            time_s += gap_s
            level = ladder.feed(time_s, value)
            assert abs(level - before) <= 1
            assert 0 <= level <= top
            before = level


@given(steps)
def test_each_step_needs_its_own_wait_without_a_break(samples: list[tuple[float, float]]) -> None:
    """Against the plain definition: look back over all samples since the last step."""
    ladder = cpu_ladder(5.0, 9.0)
    time_s, level, history = 0.0, 0, list[tuple[float, float]]()
    changed_s = -math.inf
    for gap_s, value in samples:
        time_s += gap_s
        if math.isfinite(value):
            history.append((time_s, value))
        after = ladder.feed(time_s, value)
        if after == level:
            continue
        wait_s = 5.0 if after > level else 9.0
        window = [v for t, v in history if time_s - t <= wait_s]
        if after > level:
            assert all(v >= 1.0 for v in window)
        else:
            assert all(v < RELIEF for v in window)
        assert time_s - changed_s >= wait_s - 1e-9
        level, changed_s = after, time_s


@given(st.floats(RELIEF, 1.0, exclude_max=True), st.integers(0, CPU_LEVEL_MAX))
def test_between_relief_and_limit_nothing_moves(value: float, level: int) -> None:
    ladder = cpu_ladder()
    ladder.level = level
    feed_for(ladder, 0.0, 500.0, value)
    assert ladder.level == level


def test_cpu_runs_up_and_back() -> None:
    ladder = cpu_ladder(12.0, 30.0)
    seen = [ladder.feed(float(s), 1.2) for s in range(49)]
    assert seen[11] == 0 and seen[12] == 1 and seen[24] == 2 and seen[36] == 3 and seen[48] == 4
    back = [ladder.feed(100.0 + s, 0.3) for s in range(121)]
    assert back[29] == 4 and back[30] == 3 and back[60] == 2 and back[90] == 1 and back[120] == 0


def test_one_short_stall_is_not_a_step() -> None:
    ladder = cpu_ladder()
    time_s = feed_for(ladder, 0.0, 10.0, 9.0)  # a stall stays in the 10 s window of the lag
    feed_for(ladder, time_s, 60.0, 0.1)
    assert ladder.level == 0


@pytest.mark.parametrize(("share", "level"), [(0.799, 0), (0.80, 1), (0.899, 1), (0.90, 2), (0.999, 2), (1.0, 3)])
def test_memory_levels(share: float, level: int) -> None:
    ladder = memory_ladder()
    feed_for(ladder, 0.0, 20.0, share)
    assert ladder.level == level


def test_memory_relief_goes_down_but_a_shutdown_stays() -> None:
    ladder = memory_ladder()
    time_s = feed_for(ladder, 0.0, 10.0, 0.95)
    assert ladder.level == 2
    time_s = feed_for(ladder, time_s, 30.0, 0.86)
    assert ladder.level == 2, "0.86 is still above the mark of relief"
    time_s = feed_for(ladder, time_s, 30.0, 0.5)
    assert ladder.level == 0
    time_s = feed_for(ladder, time_s, 10.0, 1.5)
    assert ladder.level == 3
    feed_for(ladder, time_s, 100.0, 0.1)
    assert ladder.level == 3


def test_a_leave_above_its_enter_is_refused() -> None:
    with pytest.raises(ValueError, match="not higher"):
        Ladder((1.0,), (1.1,), 1.0, 1.0)


def test_saving_is_the_difference_of_the_means_around_the_step() -> None:
    meter = SavingMeter(5.0)
    for second in range(10):
        assert meter.feed(float(second), 90.0) == ""
    assert meter.on_step(9.0, 0, 1) == ""
    reports = [meter.feed(9.0 + second, 60.0) for second in range(1, 7)]
    found = [text for text in reports if text]
    assert found == [f"CPU step 0 to 1 ({CPU_NAMES[1]}): CPU 90.0 % before, 60.0 % after, saves 30.0 points"]


def test_saving_cut_short_by_the_next_step_is_still_told() -> None:
    meter = SavingMeter(10.0)
    meter.feed(0.0, 50.0)
    meter.on_step(0.0, 0, 1)
    meter.feed(1.0, 70.0)
    assert "costs 20.0 points" in meter.on_step(2.0, 1, 2)
    assert "too short" in meter.on_step(2.5, 2, 3)
