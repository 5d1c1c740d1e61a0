"""The throttle ladders as pure logic: fed with (time, value), they say which step the system is on.

A step up needs the value at or above the step's limit for a while, a step down needs it below a lower mark for a
longer while; never more than one step at a time. Nothing here asks the time or measures anything.
"""

from __future__ import annotations

import math
from typing import Final

CPU_NAMES: Final = ("normal", "intervals x2", "intervals x4", "depth stream off", "reduce-only")
MEMORY_NAMES: Final = ("normal", "optional parts shed", "no new entries", "orderly shutdown")

CPU_LEVEL_MAX: Final = len(CPU_NAMES) - 1
MEMORY_LEVEL_MAX: Final = len(MEMORY_NAMES) - 1
# Relief counts only below this share of the limit: at the limit itself the ladder would swing.
RELIEF: Final = 0.85


class Ladder:
    """Levels 0..len(enter). ``enter[i]`` leads from level i to i + 1, below ``leave[i]`` it leads back.

    ``up_after_seconds`` / ``down_after_seconds``: how long the value must stay there without a break. A ``leave`` of
    0 or less never leads back (the memory ladder's last step is a shutdown under way). Raises ValueError when a
    ``leave`` is above its ``enter``.
    """

    def __init__(
        self,
        enter: tuple[float, ...],
        leave: tuple[float, ...],
        up_after_seconds: float,
        down_after_seconds: float,
    ) -> None:
        if len(enter) != len(leave) or any(low > high for low, high in zip(leave, enter, strict=False)):
            raise ValueError("each step needs one limit up and one, not higher, down")
        self.enter = enter
        self.leave = leave
        self.up_after_seconds = up_after_seconds
        self.down_after_seconds = down_after_seconds
        self.level = 0
        self._above_since: float | None = None
        self._below_since: float | None = None

    def feed(self, time_s: float, value: float) -> int:
        """Take one sample (monotonic seconds, the measured value); returns the level after it.

        A value that is not a finite number is no measurement and changes nothing.
        """
        if not math.isfinite(value):
            return self.level
        is_above = self.level < len(self.enter) and value >= self.enter[self.level]
        is_below = self.level > 0 and value < self.leave[self.level - 1]
        if not is_above:
            self._above_since = None
        elif self._above_since is None:
            self._above_since = time_s
        if not is_below:
            self._below_since = None
        elif self._below_since is None:
            self._below_since = time_s
        if self._above_since is not None and time_s - self._above_since >= self.up_after_seconds:
            self._step(1, time_s)
        elif self._below_since is not None and time_s - self._below_since >= self.down_after_seconds:
            self._step(-1, time_s)
        return self.level

    def _step(self, by: int, time_s: float) -> None:
        self.level += by
        # The next step needs its own full wait, counted from this one.
        self._above_since = time_s if by > 0 and self.up_after_seconds > 0 else None
        self._below_since = time_s if by < 0 and self.down_after_seconds > 0 else None


def cpu_ladder(up_after_seconds: float = 12.0, down_after_seconds: float = 30.0) -> Ladder:
    """CPU and loop lag: the value is the worse of the two as a share of its limit (1.0 = at the limit).

    12 s up: longer than the 10 s of the lag window, so that one stall alone is never a step.
    """
    return Ladder((1.0,) * CPU_LEVEL_MAX, (RELIEF,) * CPU_LEVEL_MAX, up_after_seconds, down_after_seconds)


def memory_ladder(up_after_seconds: float = 1.0, down_after_seconds: float = 10.0) -> Ladder:
    """RSS as a share of MAX_RAM_MB: 80 % sheds, 90 % stops entries, 100 % ends the process (no way back)."""
    return Ladder((0.80, 0.90, 1.00), (0.75, 0.85, 0.0), up_after_seconds, down_after_seconds)


class SavingMeter:
    """What a step of the CPU ladder saved: the CPU of the seconds before it against those after it.

    Feed it the CPU share of each second. A step's result is out ``window_seconds`` after it, or at the next step if
    that comes first; the first second after a step is left out, it belongs to both.
    """

    def __init__(self, window_seconds: float = 10.0) -> None:
        self.window_seconds = window_seconds
        self._recent: list[tuple[float, float]] = []
        self._step: tuple[float, int, int, float] | None = None  # time, from, to, CPU before

    def feed(self, time_s: float, cpu_percent: float) -> str:
        """One second's CPU in percent of a core; returns the finished report or ""."""
        self._recent.append((time_s, cpu_percent))
        while self._recent and time_s - self._recent[0][0] > self.window_seconds:
            self._recent.pop(0)
        if self._step is not None and time_s - self._step[0] >= self.window_seconds:
            return self._report()
        return ""

    def on_step(self, time_s: float, level_before: int, level_after: int) -> str:
        """The ladder moved; returns the report of the step before this one when that was still being measured."""
        report = self._report() if self._step is not None else ""
        self._step = (time_s, level_before, level_after, self._mean(time_s - self.window_seconds))
        return report

    def _mean(self, since_s: float) -> float:
        values = [cpu for time_s, cpu in self._recent if time_s >= since_s]
        return sum(values) / len(values) if values else math.nan

    def _report(self) -> str:
        assert self._step is not None
        time_s, level_before, level_after, before = self._step
        self._step = None
        after = self._mean(time_s + 1.0)
        head = f"CPU step {level_before} to {level_after} ({CPU_NAMES[level_after]})"
        if not (math.isfinite(before) and math.isfinite(after)):
            return f"{head}: too short to be measured"
        word = "saves" if after <= before else "costs"
        return f"{head}: CPU {before:.1f} % before, {after:.1f} % after, {word} {abs(before - after):.1f} points"
