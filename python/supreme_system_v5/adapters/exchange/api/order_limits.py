"""The ORDERS limits: how many orders an account may place in 10 seconds, a minute, a day.

Spot counts orders that have not traded: an order's first fill takes it off again, five orders' worth when it rested
first (the venue's FAQ on unfilled order counts, examples 1 and 2); the count never goes below zero. USD-M counts all.
Intervals begin at full multiples of their length on the venue's clock.
"""

from __future__ import annotations

from typing import Any, Final

from supreme_system_v5.adapters.exchange.rest.limits import ORDERS, RateLimit, rate_limits
from supreme_system_v5.core.matching.exchange.refusal import Refusal

TAKER_CREDIT: Final = 1
MAKER_CREDIT: Final = 5
NS_PER_SECOND: Final = 1_000_000_000


class OrderLimits:
    """Counts by market and account. ``factor`` raises the venue's limits. Times: exchange clock, ns."""

    def __init__(self, factor: int = 1) -> None:
        self._factor = factor
        self._cells: dict[tuple[str, str], list[list[int]]] = {}  # market, account -> [interval, count] of each limit
        self._limits: dict[str, tuple[RateLimit, ...]] = {}
        self._spans: dict[str, tuple[int, ...]] = {}  # ns
        self._heads: dict[str, tuple[bytes, ...]] = {}  # rateLimits entries up to the count

    def limits(self, market: str) -> tuple[RateLimit, ...]:
        """The ORDERS limits of a market, shortest interval first."""
        found = self._limits.get(market)
        if found is None:
            own = sorted((item for item in rate_limits(market) if item.kind == ORDERS), key=lambda item: item.seconds)
            found = tuple(item._replace(limit=item.limit * self._factor) for item in own)
            self._limits[market] = found
            self._spans[market] = tuple(item.seconds * NS_PER_SECOND for item in found)
            self._heads[market] = tuple(limit_head(item) for item in found)
        return found

    def counts(self, market: str, account: str, now_ns: int) -> list[int]:
        """How many orders count in each running interval."""
        return [cell[1] for cell in self._running(market, account, now_ns)]

    def _running(self, market: str, account: str, now_ns: int) -> list[list[int]]:
        cells = self._cells.get((market, account))
        if cells is None:
            cells = self._cells[market, account] = [[0, 0] for _ in self.limits(market)]
        for cell, span in zip(cells, self._spans.get(market) or self._spans_of(market), strict=True):
            slot = now_ns // span
            if cell[0] != slot:
                cell[0], cell[1] = slot, 0
        return cells

    def _spans_of(self, market: str) -> tuple[int, ...]:
        self.limits(market)
        return self._spans[market]

    def refusal(self, market: str, account: str, orders: int, now_ns: int) -> Refusal | None:
        """-1015 when that many more orders are too many now."""
        for limit, cell in zip(self.limits(market), self._running(market, account, now_ns), strict=True):
            if cell[1] + orders > limit.limit:
                unit = f"{limit.number} {limit.interval}"
                message = f"Too many new orders; current limit is {limit.limit} orders per {unit}."
                return Refusal(-1015, message, 429)
        return None

    def wait_seconds(self, market: str, account: str, orders: int, now_ns: int) -> int:
        """When that many more orders may be placed again: whole seconds to the end of the fullest interval."""
        limits, cells = self.limits(market), self._running(market, account, now_ns)
        full = [item.seconds for item, cell in zip(limits, cells, strict=True) if cell[1] + orders > item.limit]
        span_ns = max(full, default=0) * NS_PER_SECOND
        return (span_ns - now_ns % span_ns) // NS_PER_SECOND + 1 if span_ns else 0

    def add(self, market: str, account: str, orders: int, now_ns: int) -> None:
        """Orders were placed (negative: they began to trade)."""
        for cell in self._running(market, account, now_ns):
            cell[1] = max(0, cell[1] + orders)

    def headers(self, market: str, account: str, now_ns: int) -> dict[str, str]:
        """X-MBX-ORDER-COUNT-10S and so on."""
        counts = self.counts(market, account, now_ns)
        return {f"X-MBX-ORDER-COUNT-{item.suffix}": str(n) for item, n in zip(self.limits(market), counts, strict=True)}

    def entries(self, market: str, account: str, now_ns: int) -> list[bytes]:
        """As in ``rateLimits`` of a WebSocket API reply: JSON objects."""
        self.limits(market)
        counts = self.counts(market, account, now_ns)
        return [b"%b%d}" % (head, count) for head, count in zip(self._heads[market], counts, strict=True)]

    def rows(self, market: str, account: str, now_ns: int) -> list[dict[str, object]]:
        """As in account.rateLimits.orders."""
        return [
            {
                "rateLimitType": ORDERS,
                "interval": limit.interval,
                "intervalNum": limit.number,
                "limit": limit.limit,
                "count": count,
            }
            for limit, count in zip(self.limits(market), self.counts(market, account, now_ns), strict=True)
        ]

    def save(self) -> list[list[object]]:
        """JSON-able rows: market, account, then interval and count of each limit."""
        return [[*key, [list(cell) for cell in cells]] for key, cells in self._cells.items()]

    def restore(self, saved: list[list[Any]]) -> None:
        """Raises ValueError or TypeError for what is none."""
        self._cells = {(str(row[0]), str(row[1])): [[int(a), int(b)] for a, b in row[2]] for row in saved}


def limit_head(limit: RateLimit) -> bytes:
    """An entry of ``rateLimits`` up to its count."""
    text = f'{{"rateLimitType":"{limit.kind}","interval":"{limit.interval}","intervalNum":{limit.number},'
    return f'{text}"limit":{limit.limit},"count":'.encode()
