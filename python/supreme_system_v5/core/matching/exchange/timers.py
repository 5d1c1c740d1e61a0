"""What is due when: good-till dates and countdowns of a venue. Late or replaced entries are the caller's to ignore."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

from supreme_system_v5.core.domain.ports import NEVER_NS

Key = tuple[str, int]  # account and the id of its order; 0 = of the account itself
Due = tuple[int, str, Key]
PRUNE_FROM: Final = 4_096


class Timers:
    """Entries (time in ns, kind, key), struck by time, then in the order in which they were set.

    ``is_live`` says whether an entry still means anything: those that do not are let go of when there are many.
    """

    def __init__(self, is_live: Callable[[Due], bool]) -> None:
        self._is_live = is_live
        self._heap: list[tuple[int, int, str, Key]] = []
        self._count = 0
        self._prune_at = PRUNE_FROM

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, due_ns: int, kind: str, key: Key) -> None:
        self._count += 1
        heapq.heappush(self._heap, (due_ns, self._count, kind, key))
        if len(self._heap) >= self._prune_at:
            self._heap = [row for row in self._heap if self._is_live((row[0], row[2], row[3]))]
            heapq.heapify(self._heap)
            self._prune_at = max(PRUNE_FROM, 2 * len(self._heap))

    def next_ns(self) -> int:
        """NEVER_NS when nothing is set."""
        return self._heap[0][0] if self._heap else NEVER_NS

    def pop(self) -> Due:
        due_ns, _, kind, key = heapq.heappop(self._heap)
        return due_ns, kind, key
