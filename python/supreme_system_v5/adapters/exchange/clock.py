"""The market clock of the simulated exchange: frozen, n times real time, or as fast as frames are taken."""

from __future__ import annotations

import time

NS_PER_SECOND = 1_000_000_000


class MarketClock:
    """``speed`` 0 has no pace: time is what the server says was shown last."""

    def __init__(self, start_ns: int, speed: float) -> None:
        if not (0.0 <= speed <= 100_000.0):
            raise ValueError(f"speed {speed!r} must be between 0 and 100000")
        self.speed = speed
        self.shown_ns = start_ns  # everything up to this market time has been given out
        self.is_started = False
        self._anchor_ns = start_ns
        self._anchor_monotonic_ns = 0

    def start(self) -> None:
        """Let time run from where it stands."""
        self.is_started = True
        self._anchor_ns = self.shown_ns
        self._anchor_monotonic_ns = time.monotonic_ns()

    def hold(self) -> None:
        """Time stood still because a client was slow: go on from what was shown."""
        self._anchor_ns = self.shown_ns
        self._anchor_monotonic_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Market time by the wall; only for speed > 0."""
        elapsed_ns = time.monotonic_ns() - self._anchor_monotonic_ns
        if self.speed == 1.0:
            return self._anchor_ns + elapsed_ns
        return self._anchor_ns + int(elapsed_ns * self.speed)

    def wall_seconds(self, span_ns: int) -> float:
        """How long a span of market time takes; only for speed > 0."""
        return span_ns / NS_PER_SECOND / self.speed
