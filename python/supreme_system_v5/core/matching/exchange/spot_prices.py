"""The prices the spot rules measure against: the last trade, and the average over some minutes weighted by quantity."""

from __future__ import annotations

from collections import deque
from typing import Final

from supreme_system_v5.core.domain.market import NS_PER_SECOND

AVERAGE_MINUTES_MAX: Final = 5


class SpotPrices:
    """Trades are kept as sums per second, so the window moves in seconds."""

    def __init__(self) -> None:
        self.last_e8 = 0  # 0 = no trade yet
        self._seconds: deque[list[int]] = deque()  # [second, quantity, price x quantity], oldest first

    def on_trade(self, price_e8: int, quantity_e8: int, time_ns: int) -> None:
        """A trade of the market or of a client."""
        self.last_e8 = price_e8
        second = time_ns // NS_PER_SECOND
        if self._seconds and self._seconds[-1][0] >= second:
            newest = self._seconds[-1]
            newest[1] += quantity_e8
            newest[2] += price_e8 * quantity_e8
            return
        self._seconds.append([second, quantity_e8, price_e8 * quantity_e8])
        while self._seconds[0][0] < second - AVERAGE_MINUTES_MAX * 60:
            self._seconds.popleft()

    def average_e8(self, minutes: int, time_ns: int) -> int:
        """Over the last ``minutes`` (0 = the last trade; at most AVERAGE_MINUTES_MAX); the last trade when none was
        in them; 0 when there has been none at all. Rounded down to 1e-8.
        """
        quantity = amount = 0
        if minutes > 0:
            first = time_ns // NS_PER_SECOND - minutes * 60
            for second, second_quantity, second_amount in self._seconds:
                if second >= first:
                    quantity += second_quantity
                    amount += second_amount
        return amount // quantity if quantity > 0 else self.last_e8

    def save(self) -> list[object]:
        return [self.last_e8, [list(entry) for entry in self._seconds]]

    def restore(self, last_e8: int, seconds: list[list[int]]) -> None:
        self.last_e8 = last_e8
        self._seconds = deque(list(entry) for entry in seconds)
