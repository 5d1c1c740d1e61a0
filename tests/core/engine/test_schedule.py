"""Timers: the earliest is known at any time, whatever was set, moved and cleared."""

from __future__ import annotations

import random

from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.engine.schedule import TIMER_COUNT, Schedule


def test_next_is_the_earliest_of_all_after_any_change() -> None:
    rng = random.Random(3)
    schedule = Schedule()
    due = [NEVER_NS] * TIMER_COUNT
    for _ in range(5_000):
        slot = rng.randrange(TIMER_COUNT)
        act = rng.random()
        if act < 0.6:
            due[slot] = rng.randrange(1, 40)
            schedule.set(slot, due[slot])
        elif act < 0.8:
            due[slot] = NEVER_NS
            schedule.clear(slot)
        else:
            now = rng.randrange(40)
            earliest = min(due)
            expected = due.index(earliest) if earliest <= now else -1
            assert schedule.pop(now) == expected
            if expected >= 0:
                due[expected] = NEVER_NS
        assert schedule.next_ns == min(due)
        assert [schedule.due_ns(number) for number in range(TIMER_COUNT)] == due
