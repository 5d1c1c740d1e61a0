"""Stop orders that wait: each triggers when the last trade reaches its stop price."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final

from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder

STOP_LOSS: Final = "STOP_LOSS"
STOP_LOSS_LIMIT: Final = "STOP_LOSS_LIMIT"
TAKE_PROFIT: Final = "TAKE_PROFIT"
TAKE_PROFIT_LIMIT: Final = "TAKE_PROFIT_LIMIT"
STOP_LOSSES: Final = frozenset({STOP_LOSS, STOP_LOSS_LIMIT})
STOPS: Final = frozenset({STOP_LOSS, STOP_LOSS_LIMIT, TAKE_PROFIT, TAKE_PROFIT_LIMIT})


def waits_for_rise(side: int, order_type: str) -> bool:
    """True for STOP_LOSS BUY and TAKE_PROFIT SELL, which stand above the market (rest-api.md, "Other info")."""
    return (side == BUY) == (order_type in STOP_LOSSES)


def would_trigger(side: int, order_type: str, stop_price_e8: int, last_e8: int) -> bool:
    """Whether a last trade at ``last_e8`` (0 = none) triggers it."""
    if last_e8 == 0:
        return False
    return last_e8 >= stop_price_e8 if waits_for_rise(side, order_type) else last_e8 <= stop_price_e8


class Triggers:
    """The waiting orders, nearest to the market first; of one stop price the older first."""

    def __init__(self) -> None:
        self._orders: dict[int, ExchangeOrder] = {}
        self._rising: list[tuple[int, int]] = []  # (stop price, order id)
        self._falling: list[tuple[int, int]] = []  # (minus stop price, order id)

    def __len__(self) -> int:
        return len(self._orders)

    def add(self, order: ExchangeOrder) -> None:
        keys, key = self._place(order)
        insort(keys, key)
        self._orders[order.order_id] = order

    def remove(self, order: ExchangeOrder) -> bool:
        """True when it was waiting."""
        if self._orders.pop(order.order_id, None) is None:
            return False
        keys, key = self._place(order)
        del keys[bisect_left(keys, key)]
        return True

    def _place(self, order: ExchangeOrder) -> tuple[list[tuple[int, int]], tuple[int, int]]:
        if waits_for_rise(int(order.side), order.order_type):
            return self._rising, (order.stop_price_e8, order.order_id)
        return self._falling, (-order.stop_price_e8, order.order_id)

    def next(self, last_e8: int) -> ExchangeOrder | None:
        """Take out the next one that the last trade triggers."""
        if last_e8 > 0:
            for keys, reached in ((self._rising, last_e8), (self._falling, -last_e8)):
                if keys and keys[0][0] <= reached:
                    return self._orders.pop(keys.pop(0)[1])
        return None

    def order_ids(self) -> list[int]:
        """Of all that wait, ascending."""
        return sorted(self._orders)
