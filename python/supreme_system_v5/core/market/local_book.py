"""The local order book: snapshot and diffs put together by the venue's documented procedure.

Spot (streams documentation, "how to manage a local order book"): drop ``u <= lastUpdateId``; the first diff kept has
``U <= lastUpdateId + 1 <= u``; then ``U > previous u + 1`` is a gap. USD-M: drop ``u < lastUpdateId``; the first kept
has ``U <= lastUpdateId <= u``; then ``pu != previous u`` is a gap. One case more is accepted on USD-M: a first diff
with ``pu = lastUpdateId`` follows the snapshot exactly, although the snapshot lies on its boundary and not in it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import BookSnapshot, Depth
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.optimized.order_book import OrderBook

APPLIED: Final = 0
BUFFERED: Final = 1
STALE: Final = 2
GAP: Final = 3

BUFFERED_EVENTS_MAX: Final = 4096  # at 10 diffs a second nearly seven minutes of waiting for a snapshot


class LocalBook:
    """A book and where it stands in the venue's sequence.

    ``is_synced``: the book follows the stream. After ``on_snapshot`` said BUFFERED the book holds that snapshot, but
    no diff has joined it yet. A gap empties the book: a wrong book is worse than none. ``gaps`` counts breaks in the
    sequence, ``stale`` events that were older than the book and dropped.
    """

    def __init__(self, market: str, tick_e8: int) -> None:
        self.book = OrderBook(tick_e8)
        self.is_synced = False
        self.gaps: i64 = 0
        self.last_update_id: i64 = -1  # of the book; -1 when it holds nothing
        self._is_usdm: bool = market == USDM
        self._is_first_due = False  # a snapshot is loaded, the next diff must join it
        self._buffer: list[Depth] = []

    def reset(self) -> None:
        """Forget everything but the counters and buffer anew (a reconnect, a stream switched off)."""
        self.book.clear()
        self.is_synced = False
        self.last_update_id = -1
        self._is_first_due = False
        self._buffer = []

    def on_depth(self, event: Depth) -> int:
        """APPLIED; BUFFERED (no snapshot yet); STALE (older than the book); GAP (fetch a snapshot)."""
        if self.last_update_id < 0:
            self._keep(event)
            return BUFFERED
        return self._follow(event)

    def on_snapshot(self, event: BookSnapshot) -> int:
        """APPLIED (in step); BUFFERED (loaded, no diff yet that joins it); STALE (older than the book, ignored);
        GAP (too old for the diffs that wait: fetch again).
        """
        if event.last_update_id <= self.last_update_id:
            return STALE
        was_synced = self.is_synced
        waiting = self._buffer
        self._buffer = []
        self.book.load(event.bids, event.asks)
        self.last_update_id = event.last_update_id
        self._is_first_due = True
        for index in range(len(waiting)):
            if self._follow(waiting[index]) == GAP:
                for later in waiting[index + 1 :]:
                    self._keep(later)
                return GAP
        # A book that was in step and is now newer still is in step: the diffs on their way join it or are older.
        self.is_synced = was_synced or not self._is_first_due
        return APPLIED if self.is_synced else BUFFERED

    def _follow(self, event: Depth) -> int:
        """Apply the next diff to a loaded book, drop it as old, or find the gap."""
        last_id = self.last_update_id
        if self._is_first_due:
            if event.final_update_id < last_id or (not self._is_usdm and event.final_update_id == last_id):
                return STALE
            if self._is_usdm:
                joins = event.first_update_id <= last_id or event.previous_final_id == last_id
            else:
                joins = event.first_update_id <= last_id + 1
        else:
            if event.final_update_id <= last_id:
                return STALE
            if self._is_usdm:
                joins = event.previous_final_id == last_id
            else:
                joins = event.first_update_id <= last_id + 1
        if not joins:
            self.gaps += 1
            self.reset()
            self._keep(event)
            return GAP
        self.book.apply(event.bids, event.asks)
        self.last_update_id = event.final_update_id
        self._is_first_due = False
        self.is_synced = True
        return APPLIED

    def _keep(self, event: Depth) -> None:
        """Buffer a diff. When full the oldest goes: a snapshot older than what is left then shows as a gap."""
        self._buffer.append(event)
        if len(self._buffer) > BUFFERED_EVENTS_MAX:
            self._buffer = self._buffer[BUFFERED_EVENTS_MAX // 2 :]
