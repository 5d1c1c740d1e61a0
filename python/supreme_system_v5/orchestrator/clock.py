"""Engine time: UTC anchored at start, advanced by the monotonic clock, never backwards.

Nothing but this file asks the host for the time. On a simulated exchange the exchange's ``x_time_ns`` is the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from supreme_system_v5.core.domain.events import ClockFault
from supreme_system_v5.core.domain.market import NS_PER_SECOND

CHECK_SECONDS: Final = 1.0
DIVERGENCE_NS_MAX: Final = NS_PER_SECOND


class TimerHandle(Protocol):
    """What a loop's ``call_later`` gives back."""

    def cancel(self) -> None: ...


class TimerLoop(Protocol):
    """The one thing the clock needs of an event loop."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> TimerHandle: ...


class EngineClock:
    """Engine time in ns UTC.

    ``wall_ns`` and ``monotonic_ns`` are injected by tests. ``check`` is called about once a second and reports

    - ``suspend``: the loop stood still for longer than ``stale_after_seconds`` (a stopped process, a hog),
    - ``clock_step``: the wall clock left engine time by more than a second. Linux does not advance the monotonic
      clock while the machine sleeps, so a suspended laptop shows here too.

    After either, engine time is anchored to the wall clock again where that lies ahead. Where it lies behind,
    engine time runs on from where it is: it never goes back, and the difference becomes the new normal.
    """

    def __init__(
        self,
        stale_after_seconds: float = 5.0,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self.monotonic_ns = monotonic_ns
        self._pause_ns_max = round((stale_after_seconds + CHECK_SECONDS) * NS_PER_SECOND)
        self._shift_ns = wall_ns() - monotonic_ns()  # engine time = monotonic + shift
        self._ahead_ns = 0  # how far engine time runs ahead of the wall clock since a backward step
        self._last_ns = 0
        self._checked_ns = monotonic_ns()
        self.is_simulated = False
        self.faults: dict[str, int] = {"clock_step": 0, "suspend": 0}
        self._handle: TimerHandle | None = None

    def now_ns(self) -> int:
        """Engine time now; on a simulated exchange the time of the last event."""
        if self.is_simulated:
            return self._last_ns
        return self.at(self.monotonic_ns())

    def at(self, monotonic_ns: int) -> int:
        """Engine time of a monotonic stamp (the receive stamp of a frame); never before an earlier answer."""
        if self.is_simulated:
            return self._last_ns
        time_ns = monotonic_ns + self._shift_ns
        if time_ns < self._last_ns:
            return self._last_ns
        self._last_ns = time_ns
        return time_ns

    def set_sim_time(self, time_ns: int) -> None:
        """From the first call on the exchange is the clock; an earlier time than the last is ignored."""
        if not self.is_simulated:
            self.is_simulated = True
            self._last_ns = time_ns
        elif time_ns > self._last_ns:
            self._last_ns = time_ns

    def check(self) -> ClockFault | None:
        """Compare the clocks; the fault when there is one (already repaired), stamped with the new engine time."""
        monotonic_ns = self.monotonic_ns()
        wall_ns = self._wall_ns()
        pause_ns = monotonic_ns - self._checked_ns
        self._checked_ns = monotonic_ns
        engine_ns = max(monotonic_ns + self._shift_ns, 0 if self.is_simulated else self._last_ns)
        divergence_ns = wall_ns - (engine_ns - self._ahead_ns)
        stepped = abs(divergence_ns) > DIVERGENCE_NS_MAX
        if stepped:
            anchored_ns = max(wall_ns, engine_ns)
            self._shift_ns = anchored_ns - monotonic_ns
            self._ahead_ns = anchored_ns - wall_ns
        if self.is_simulated:
            return None  # the exchange's time does not care what the host's clocks do
        if pause_ns > self._pause_ns_max:
            return self._fault("suspend", pause_ns)
        if stepped:
            return self._fault("clock_step", divergence_ns)
        return None

    def _fault(self, reason: str, magnitude_ns: int) -> ClockFault:
        self.faults[reason] += 1
        return ClockFault(self.now_ns(), reason, magnitude_ns)

    def start(self, loop: TimerLoop, on_fault: Callable[[ClockFault], None]) -> None:
        """Check once a second on the loop until ``stop``."""
        self._checked_ns = self.monotonic_ns()

        def tick() -> None:
            self._handle = loop.call_later(CHECK_SECONDS, tick)
            fault = self.check()
            if fault is not None:
                on_fault(fault)

        self._handle = loop.call_later(CHECK_SECONDS, tick)

    def stop(self) -> None:
        """No more checks."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
