"""The order lists of the spot venue: OCO, OTO and OTOCO, from their placement to their end.

Of a pair (the two orders of an OCO, also as pending orders of an OTOCO) the first that executes or is triggered ends
the other. Pending orders come to the book when the working order is fully filled; anything else that ends the working
order ends them too. Cancelling one order of a list cancels the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from supreme_system_v5.core.matching.exchange import words as w
from supreme_system_v5.core.matching.exchange.happenings import ListUpdate
from supreme_system_v5.core.matching.exchange.orders import OrderStore
from supreme_system_v5.core.matching.exchange.spot_books import SpotBooks
from supreme_system_v5.core.matching.exchange.spot_triggers import Triggers

OCO: Final = "OCO"
OTO: Final = "OTO"
ENDED_LISTS_MAX: Final = 20_000


class OrderLists:
    """All lists of one venue. The venue places the orders; this keeps them together."""

    def __init__(self, books: SpotBooks, orders: OrderStore, triggers: Triggers) -> None:
        self._books = books
        self._orders = orders
        self._triggers = triggers
        self._lists: dict[int, w.OrderList] = {}  # open and ended, by id; ids ascend
        self._open_names: dict[tuple[str, str], w.OrderList] = {}
        self._last_names: dict[tuple[str, str], w.OrderList] = {}
        self._ready: list[w.OrderList] = []  # working order filled, pending orders still to be placed
        self._ended = 0
        self._is_cancelling = False

    # ---- asking

    def get(self, account: str, list_id: int) -> w.OrderList | None:
        found = self._lists.get(list_id)
        return found if found is not None and found.account == account else None

    def find(self, account: str, client_list_id: str) -> w.OrderList | None:
        """The open list of that client id, else the newest."""
        name = (account, client_list_id)
        return self._open_names.get(name) or self._last_names.get(name)

    def find_open(self, account: str, client_list_id: str) -> w.OrderList | None:
        return self._open_names.get((account, client_list_id))

    def open_lists(self, account: str) -> list[w.OrderList]:
        """Oldest first."""
        return [found for (owner, _), found in self._open_names.items() if owner == account]

    def open_count(self, account: str) -> int:
        return sum(owner == account for owner, _ in self._open_names)

    def of_account(self, account: str) -> list[w.OrderList]:
        """All that are remembered, oldest first."""
        return [found for found in self._lists.values() if found.account == account]

    def all_open(self) -> Iterator[w.OrderList]:
        return iter(self._open_names.values())

    # ---- placing

    def begin(self, found: w.OrderList) -> None:
        """A list whose orders have been made."""
        name = (found.account, found.client_list_id)
        self._lists[found.list_id] = found
        self._open_names[name] = found
        self._last_names[name] = found

    def tell(self, found: w.OrderList, time_ns: int) -> None:
        found.updated_ns = time_ns
        self._books.happenings.append(ListUpdate(found, time_ns))

    def take_ready(self) -> w.OrderList | None:
        """A list whose pending orders are to be placed now."""
        return self._ready.pop(0) if self._ready else None

    # ---- what the books report (ListKeeper)

    def before_execution(self, order: w.ExchangeOrder, time_ns: int) -> None:
        """An order is about to trade or was triggered: its counterpart expires, what was locked for both is its own."""
        other = self._counterpart(order)
        if other is not None:
            shared_e8 = other.locked_e8  # one of the two holds the lock for both
            self._books.lock(other, -shared_e8)
            self._books.lock(order, shared_e8)
            self._triggers.remove(other)
            self._books.end(other, w.EXPIRED, w.X_EXPIRED, time_ns, why="OCO_TRIGGER")

    def _counterpart(self, order: w.ExchangeOrder) -> w.ExchangeOrder | None:
        """The other order of its pair, while that is open and at work."""
        found = self._lists[order.list_id]
        pair = found.orders if found.contingency == OCO else found.orders[1:]
        if len(pair) == 2 and order in pair:
            other = pair[1] if pair[0] is order else pair[0]
            if other.status == w.NEW:
                return other
        return None

    def after_end(self, order: w.ExchangeOrder, time_ns: int) -> None:
        """One order of a list ended: the others follow from it, and the list when none is left."""
        found = self._lists[order.list_id]
        if self._is_cancelling:
            return
        if found.contingency == OTO and order is found.orders[0]:
            if order.status == w.FILLED:
                self._ready.append(found)
                return
            for pending in found.orders[1:]:
                if pending.is_open:
                    self._books.end(pending, w.EXPIRED, w.X_EXPIRED, time_ns, why="OTO_PHASE_ONE_EXPIRED")
        elif order.status != w.FILLED and order.filled_e8 == 0:
            other = self._counterpart(order)
            if other is not None and order.expiry_word != "OCO_TRIGGER":
                self._triggers.remove(other)
                self._books.end(other, w.EXPIRED, w.X_EXPIRED, time_ns, why="OCO_TRIGGER")
        self.close_if_done(found, time_ns)

    def close_if_done(self, found: w.OrderList, time_ns: int) -> None:
        """All of its orders have ended: so has the list."""
        if found.order_status == "ALL_DONE" or any(order.is_open for order in found.orders):
            return
        found.status_type = found.order_status = "ALL_DONE"
        del self._open_names[found.account, found.client_list_id]
        self._ended += 1
        if self._ended > ENDED_LISTS_MAX:
            self._forget()
        self.tell(found, time_ns)

    def _forget(self) -> None:
        for list_id, found in self._lists.items():
            if found.order_status == "ALL_DONE":
                del self._lists[list_id]
                name = (found.account, found.client_list_id)
                if self._last_names.get(name) is found:
                    del self._last_names[name]
                self._ended -= 1
                return

    def cancel(self, found: w.OrderList, cancel_id: str, time_ns: int) -> None:
        """Every open order of it, and with them the list."""
        self._is_cancelling = True
        for order in found.orders:
            if order.is_open:
                self._triggers.remove(order)
                order.cancel_client_order_id = cancel_id
                self._books.end(order, w.CANCELED, w.X_CANCELED, time_ns)
        self._is_cancelling = False
        self.close_if_done(found, time_ns)

    # ---- over a restart

    def save(self) -> list[list[object]]:
        """Those whose orders are all remembered."""
        return [
            [
                found.account,
                found.list_id,
                found.contingency,
                found.client_list_id,
                found.time_ns,
                found.updated_ns,
                found.status_type,
                found.order_status,
                [order.order_id for order in found.orders],
            ]
            for found in self._lists.values()
            if all(self._orders.get(order.account, order.order_id) is order for order in found.orders)
        ]

    def restore(self, saved: list[list[object]]) -> None:
        for fields in saved:
            account, list_id, contingency, client_list_id, time_ns, updated_ns, status_type, order_status, ids = fields
            assert isinstance(account, str) and isinstance(list_id, int) and isinstance(contingency, str)
            assert isinstance(client_list_id, str) and isinstance(time_ns, int) and isinstance(updated_ns, int)
            assert isinstance(status_type, str) and isinstance(order_status, str) and isinstance(ids, list)
            found = w.OrderList(account, list_id, contingency, client_list_id, time_ns)
            found.updated_ns, found.status_type, found.order_status = updated_ns, status_type, order_status
            for order_id in ids:
                order = self._orders.get(account, order_id)
                assert order is not None, f"order {order_id} of list {list_id} is not there"
                found.orders.append(order)
            self._lists[list_id] = found
            self._last_names[account, client_list_id] = found
            if order_status == "ALL_DONE":
                self._ended += 1
            else:
                self._open_names[account, client_list_id] = found
