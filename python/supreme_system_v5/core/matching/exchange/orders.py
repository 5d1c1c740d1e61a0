"""The orders and fills a venue remembers: open ones all, ended ones up to a bound (the oldest are forgotten)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from supreme_system_v5.core.matching.exchange.saving import load_fill, load_order, save_fill, save_order
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, Fill

ENDED_MAX: Final = 100_000


class OrderStore:
    """Orders by id, by client id, and per account in the order of their ids. ``ended_max`` also bounds each account's
    fills.
    """

    def __init__(self, ended_max: int = ENDED_MAX) -> None:
        self.ended_max = ended_max
        self._orders: dict[int, ExchangeOrder] = {}
        self._by_account: dict[str, dict[int, ExchangeOrder]] = {}
        self._open: dict[str, dict[int, ExchangeOrder]] = {}
        self._open_names: dict[tuple[str, str], ExchangeOrder] = {}
        self._last_names: dict[tuple[str, str], ExchangeOrder] = {}
        self._ended: deque[ExchangeOrder] = deque()
        self._fills: dict[str, deque[Fill]] = {}

    def __len__(self) -> int:
        return len(self._orders)

    def add(self, order: ExchangeOrder) -> None:
        """A new order; an order that has ended already (rejected, expired at once) goes straight into the history."""
        name = (order.account, order.client_order_id)
        self._orders[order.order_id] = order
        self._by_account.setdefault(order.account, {})[order.order_id] = order
        self._last_names[name] = order
        self._open.setdefault(order.account, {})[order.order_id] = order
        self._open_names[name] = order
        if not order.is_open:
            self.end(order)

    def end(self, order: ExchangeOrder) -> None:
        """The order is open no more (its status says so): its client id is free again. Once per order."""
        assert not order.is_open
        del self._open[order.account][order.order_id]
        name = (order.account, order.client_order_id)
        if self._open_names.get(name) is order:
            del self._open_names[name]
        self._ended.append(order)
        if len(self._ended) > self.ended_max:
            self._forget(self._ended.popleft())

    def _forget(self, order: ExchangeOrder) -> None:
        del self._orders[order.order_id]
        del self._by_account[order.account][order.order_id]
        name = (order.account, order.client_order_id)
        if self._last_names.get(name) is order:
            del self._last_names[name]

    def get(self, account: str, order_id: int) -> ExchangeOrder | None:
        """The account's order of that id, open or not."""
        order = self._orders.get(order_id)
        return order if order is not None and order.account == account else None

    def find_open(self, account: str, client_order_id: str) -> ExchangeOrder | None:
        """The open order of that client id (there is at most one)."""
        return self._open_names.get((account, client_order_id))

    def find(self, account: str, client_order_id: str) -> ExchangeOrder | None:
        """The open order of that client id, else the newest of that id."""
        name = (account, client_order_id)
        return self._open_names.get(name) or self._last_names.get(name)

    def open_orders(self, account: str) -> list[ExchangeOrder]:
        """The account's open orders, oldest first (a new list)."""
        return list(self._open.get(account, {}).values())

    def open_count(self, account: str) -> int:
        return len(self._open.get(account, {}))

    def all_open(self) -> list[ExchangeOrder]:
        """Everybody's open orders, by id."""
        return sorted((o for orders in self._open.values() for o in orders.values()), key=lambda o: o.order_id)

    def orders(self, account: str) -> list[ExchangeOrder]:
        """All remembered orders of the account, oldest first (a new list)."""
        return list(self._by_account.get(account, {}).values())

    def newest_first(self, account: str) -> Iterator[ExchangeOrder]:
        """The same from the newest on, lazily: for queries that want a few."""
        return reversed(self._by_account.get(account, {}).values())

    # ---- fills

    def add_fill(self, fill: Fill) -> None:
        fills = self._fills.get(fill.account)
        if fills is None:
            fills = self._fills[fill.account] = deque(maxlen=self.ended_max)
        fills.append(fill)

    def fills(self, account: str) -> list[Fill]:
        """The account's remembered fills, oldest first (a new list)."""
        return list(self._fills.get(account, ()))

    def newest_fills(self, account: str) -> Iterator[Fill]:
        """The same from the newest on, lazily."""
        return reversed(self._fills.get(account, deque()))

    # ---- over a restart

    def save(self) -> dict[str, object]:
        """JSON-able. The ended orders in the order in which they ended."""
        return {
            "open": [save_order(order) for order in self.all_open()],
            "ended": [save_order(order) for order in self._ended],
            "fills": [save_fill(fill) for account in sorted(self._fills) for fill in self._fills[account]],
        }

    def restore(self, saved: dict[str, list[list[object]]]) -> None:
        """Into an empty store. The fills an order holds are those that are remembered."""
        assert not self._orders
        ended = [load_order(fields) for fields in saved["ended"]]
        orders = [load_order(fields) for fields in saved["open"]] + ended
        for order in sorted(orders, key=lambda o: o.order_id):
            self._orders[order.order_id] = order
            self._by_account.setdefault(order.account, {})[order.order_id] = order
            self._last_names[order.account, order.client_order_id] = order
            self._open.setdefault(order.account, {})
            if order.is_open:
                self._open[order.account][order.order_id] = order
                self._open_names[order.account, order.client_order_id] = order
        self._ended.extend(ended)
        for fields in saved["fills"]:
            fill = load_fill(fields)
            self.add_fill(fill)
            owner = self._orders.get(fill.order_id)
            if owner is not None:
                owner.fills.append(fill)
