"""Price change statistics over a window: 24 hours, a trading day, any rolling window. Shared by REST and the streams.

Computed from the 1-minute rows, so a window begins with the minute its opening time lies in (the venue documents the
same for rolling windows). Trade ids are consecutive: the first one follows from the last and the count.
"""

from __future__ import annotations

from supreme_system_v5.adapters.exchange.market.sim_market import MINUTE_MS, SimMarket
from supreme_system_v5.core.domain.money import E8


class Window:
    """What happened between two times. Prices and quantities in 1e-8 units; ids -1 without a trade."""

    def __init__(self, rows: list[list[int]], open_ms: int, close_ms: int, before_e8: int) -> None:
        self.open_ms = open_ms
        self.close_ms = close_ms
        self.open_e8 = rows[0][1]
        self.last_e8 = rows[-1][4]
        self.high_e8 = max([row[2] for row in rows])
        self.low_e8 = min([row[3] for row in rows])
        self.volume_e8 = sum([row[5] for row in rows])
        self.quote_e8 = sum([row[6] for row in rows])
        self.count = sum([row[7] for row in rows])
        self.before_e8 = before_e8 or self.open_e8  # the last price before the window
        self.last_quantity_e8 = 0
        self.first_id = -1
        self.last_id = -1

    @property
    def change_e8(self) -> int:
        return self.last_e8 - self.open_e8

    @property
    def change_percent(self) -> str:
        """Percent with 3 decimals."""
        return f"{self.change_e8 * 100 / self.open_e8:.3f}"

    @property
    def average_e8(self) -> int:
        """Weighted by volume; the last price without one."""
        return self.quote_e8 * E8 // self.volume_e8 if self.volume_e8 else self.last_e8


def window(market: SimMarket, as_of_ns: int, open_ms: int, close_ms: int = 0) -> Window | None:
    """The window from ``open_ms`` to now (``close_ms``: what to call its end). None before the first trade."""
    return window_of(market, market.rows_as_of(MINUTE_MS, as_of_ns), as_of_ns, open_ms, close_ms)


def window_of(
    market: SimMarket, rows: list[list[int]], as_of_ns: int, open_ms: int, close_ms: int = 0
) -> Window | None:
    """The same from all the minute rows as of that time."""
    first = len(rows)
    while first > 0 and rows[first - 1][0] + MINUTE_MS > open_ms:
        first -= 1
    if first == len(rows):
        first -= 1  # nothing in the window: it stands where the last bar ended
        if first < 0:
            return None
    before_e8 = rows[first - 1][4] if first > 0 else 0
    found = Window(rows[first:], open_ms, close_ms or market.exchange_ms(as_of_ns), before_e8)
    seen = market.trades.count_as_of(as_of_ns)
    if seen and found.count:
        last = market.trades.row(seen - 1)
        found.last_quantity_e8 = last[2]
        found.last_id = last[4]
        found.first_id = max(0, last[4] - found.count + 1)
    return found
