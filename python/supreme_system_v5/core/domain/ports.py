"""What the pure core expects of a venue that is advanced by events instead of by sockets."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import Event, ExecutionReport

NEVER_NS: Final = 9_223_372_036_854_775_807


class Venue:
    """A venue inside the process. Orders sent to it act at their arrival time, in event order, never by sleeping.

    ``has_work`` is true while any order rests or is on its way: only then must ``on_market`` be called. A field that
    the venue keeps, because it is read at every event (a method over all its lists cost 20 ns).
    """

    def __init__(self) -> None:
        self.has_work = False
        # While nothing but untriggered stops and targets rests, trades strictly between these prices concern nobody.
        self.quiet_low_e8: i64 = 0
        self.quiet_high_e8: i64 = 0

    def next_ns(self) -> i64:
        """Engine time of the next thing that happens by itself (an order's arrival); NEVER_NS when none."""
        raise NotImplementedError

    def advance(self, time_ns: i64) -> list[ExecutionReport]:
        """Let everything due up to and including ``time_ns`` happen; the reports, in order."""
        raise NotImplementedError

    def set_position(self, position_e8: int) -> None:
        """The signed position by the books, after they moved dust out of it."""
        raise NotImplementedError

    def on_market(self, event: Event) -> list[ExecutionReport]:
        """Look at a market event (already applied to the shared market view); the reports it causes, in order."""
        raise NotImplementedError
