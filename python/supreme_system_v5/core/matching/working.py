"""An order as the venue keeps it: its own copy, so that the sender's object is never changed under its hands."""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.order import (
    BUY,
    GTC,
    LIMIT,
    LIMIT_MAKER,
    MARKET,
    OPEN,
    PARTIALLY_FILLED,
    ROLE_STOP,
    Order,
)
from supreme_system_v5.core.matching.book_order import BookOrder


class WorkingOrder(BookOrder):
    """One order on its way to the venue or at it. Prices and quantities in 1e-8 units."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.side, order.price_e8, order.quantity_e8)
        self.client_order_id = order.client_order_id
        self.role = order.role
        self.order_type = order.order_type
        self.time_in_force = order.time_in_force
        self.trigger_e8: i64 = order.trigger_e8
        self.is_reduce_only = order.is_reduce_only
        self.created_ns: i64 = order.created_ns
        self.reason = order.reason
        self.filled_e8 = order.filled_e8
        self.stop_order_id = order.stop_order_id
        self.stop_trigger_e8: i64 = order.stop_trigger_e8
        self.target_order_id = order.target_order_id
        self.target_trigger_e8: i64 = order.target_trigger_e8
        self.is_checked = False  # the filters have seen it
        # A protective order whose trigger was crossed works as a market order; one that comes back partly filled was.
        self.is_triggered = order.trigger_e8 > 0 and order.filled_e8 > 0
        self.was_protected = False  # its protection was placed once
        self.fills: i64 = 0
        # An order that comes back partly filled must not repeat an execution id it had before.
        before = f"-r{order.filled_e8}" if order.filled_e8 > 0 else ""
        self.execution_prefix = f"{order.client_order_id}{before}"

    @property
    def may_rest(self) -> bool:
        """True for orders whose remainder stays in the book."""
        return self.order_type == LIMIT_MAKER or (self.order_type == LIMIT and self.time_in_force == GTC)

    @property
    def limit_e8(self) -> i64:
        """The worst price it accepts; 0 = any."""
        return self.price_e8 if self.order_type in (LIMIT, LIMIT_MAKER) else 0

    def is_crossed_by(self, trade_e8: i64) -> bool:
        """Does a trade at this price trigger it (protective orders)?

        A stop triggers when the price has gone against the position it closes, a target when in its favour;
        the closing side tells which way that is.
        """
        if (self.role == ROLE_STOP) == (self.side == BUY):
            return trade_e8 >= self.trigger_e8  # stop of a short, target of a long
        return trade_e8 <= self.trigger_e8

    def report(self, time_ns: i64, order_state: str, reason: str) -> ExecutionReport:
        """A report without a fill."""
        return ExecutionReport(time_ns, self.client_order_id, order_state, 0, 0, 0, 0, False, "", reason)

    def as_order(self) -> Order:
        """A fresh Order with the state it has at the venue."""
        order = Order(
            self.client_order_id,
            self.role,
            int(self.side),
            self.order_type,
            self.time_in_force,
            int(self.quantity_e8),
            int(self.price_e8),
            int(self.trigger_e8),
            self.is_reduce_only,
            int(self.created_ns),
            self.reason,
        )
        order.state = PARTIALLY_FILLED if self.filled_e8 > 0 else OPEN
        order.filled_e8 = int(self.filled_e8)
        order.stop_order_id = self.stop_order_id
        order.stop_trigger_e8 = int(self.stop_trigger_e8)
        order.target_order_id = self.target_order_id
        order.target_trigger_e8 = int(self.target_trigger_e8)
        return order

    def state(self) -> list[object]:
        """Everything that determines what it will do, for the digest."""
        fields: list[object] = [
            self.client_order_id,
            self.role,
            int(self.side),
            self.order_type,
            self.time_in_force,
            int(self.quantity_e8),
            int(self.price_e8),
            int(self.trigger_e8),
            int(self.filled_e8),
            int(self.fills),
            self.is_reduce_only,
            self.is_checked,
            self.is_triggered,
            self.was_protected,
            self.stop_order_id,
            int(self.stop_trigger_e8),
            self.target_order_id,
            int(self.target_trigger_e8),
        ]
        if self.queue is not None:
            fields.extend(self.queue.state())
        return fields


def protective_order(
    entry: WorkingOrder, client_order_id: str, role: str, order_type: str, trigger_e8: i64, created_ns: i64
) -> WorkingOrder:
    """The resting stop or target that comes with an entry; its quantity follows the position."""
    order = Order(
        client_order_id, role, int(-entry.side), order_type, GTC, 0, 0, int(trigger_e8), True, int(created_ns), role
    )
    return WorkingOrder(order)


def is_supported(order: WorkingOrder) -> bool:
    """May this order be submitted? Stops and targets come with an entry or by ``place_protection``."""
    return order.order_type in (LIMIT, LIMIT_MAKER, MARKET)
