"""Orders and fills as JSON-able lists of values, and back: for state that must survive a restart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, Fill, NewOrder
from supreme_system_v5.core.matching.queue_position import QueuePosition

_ASKED: Final = tuple(vars(NewOrder(1, "")))
# What the constructor of an order does not get from what was asked; `asked` and `fills` are saved apart.
_ORDER: Final = (
    "account",
    "order_id",
    "created_ns",
    "price_e8",
    "quantity_e8",
    "filled_e8",
    "is_done",
    "arrival",
    "client_order_id",
    "order_type",
    "time_in_force",
    "stop_price_e8",
    "stp_mode",
    "status",
    "updated_ns",
    "working_ns",
    "is_working",
    "quote_e8",
    "locked_e8",
    "prevented_e8",
    "list_id",
    "expiry_reason",
    "cancel_client_order_id",
    "expiry_word",
    "visible_e8",
)
_QUEUE: Final = ("ahead_e8", "shown_e8", "traded_e8", "traded_ns", "vanished_e8", "credited_e8", "vanished_ns")
_FILL: Final = (
    "trade_id",
    "order_id",
    "list_id",
    "account",
    "side",
    "price_e8",
    "quantity_e8",
    "quote_e8",
    "commission_e8",
    "commission_asset",
    "is_maker",
    "time_ns",
    "realized_e8",
)


def save_order(order: ExchangeOrder) -> list[object]:
    """What was asked, what became of it, its place in the queue ([] when it has none). Fills are saved by the store."""
    queue = order.queue
    return [
        [getattr(order.asked, name) for name in _ASKED],
        [getattr(order, name) for name in _ORDER],
        [] if queue is None else [getattr(queue, name) for name in _QUEUE],
    ]


def load_order(saved: Sequence[Any]) -> ExchangeOrder:
    """The order again, without its fills; into the book it must be put by the venue."""
    asked_fields, fields, queue_fields = saved
    asked = NewOrder(1, "")
    for name, value in zip(_ASKED, asked_fields, strict=True):
        setattr(asked, name, value)
    order = ExchangeOrder(fields[0], fields[1], asked, fields[2])
    for name, value in zip(_ORDER, fields, strict=True):
        if getattr(order, name) != value:
            setattr(order, name, value)
    if queue_fields:
        order.queue = QueuePosition(0)
        for name, value in zip(_QUEUE, queue_fields, strict=True):
            setattr(order.queue, name, value)
    return order


def save_fill(fill: Fill) -> list[object]:
    return [getattr(fill, name) for name in _FILL]


def load_fill(saved: Sequence[Any]) -> Fill:
    fill = Fill.__new__(Fill)
    for name, value in zip(_FILL, saved, strict=True):
        setattr(fill, name, value)
    return fill
