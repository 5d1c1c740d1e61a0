"""Events, effects and other words of the domain as JSON, the same text from the compiled and the pure core."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Final

from supreme_system_v5.core.domain import events as e
from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.domain.order import ORDER_INTENT_FIELDS, Order

CLASS: Final = "is"  # the key that carries an object's class
LEFT_OUT: Final = {  # of the host, or said by the class; a compiled class counts its constants as attributes
    e.Event: frozenset({"received_ns", "kind"}),
    Effect: frozenset({"is_record", "is_durable"}),
}

# The constructors' arguments, in order; every other attribute is set afterwards.
_BUILT_FROM: Final[dict[type, tuple[str, ...]]] = {
    e.Tick: ("time_ns",),
    e.Trade: (
        "time_ns",
        "event_time_ms",
        "trade_time_ms",
        "trade_id",
        "price_e8",
        "quantity_e8",
        "is_buyer_maker",
    ),
    e.Quote: ("time_ns", "event_time_ms", "update_id", "bid_e8", "bid_quantity_e8", "ask_e8", "ask_quantity_e8"),
    e.Depth: ("time_ns", "event_time_ms", "first_update_id", "final_update_id", "previous_final_id", "bids", "asks"),
    e.BookSnapshot: ("time_ns", "last_update_id", "bids", "asks"),
    e.MarkPrice: ("time_ns", "event_time_ms", "mark_e8", "index_e8", "funding_rate_e8", "next_funding_ms"),
    e.Bars: ("time_ns", "purpose", "bars", "is_failed"),
    e.Trades: ("time_ns", "from_id", "trades", "is_failed"),
    e.FallbackPrice: ("time_ns", "price_e8", "updated_ms"),
    e.FeedStatus: ("time_ns", "source", "stream", "state", "value"),
    e.ClockFault: ("time_ns", "reason", "magnitude_ns"),
    e.Pressure: ("time_ns", "cpu_level", "memory_level"),
    e.Command: ("time_ns", "name", "argument"),
    e.ExecutionReport: (
        "time_ns",
        "client_order_id",
        "order_state",
        "last_quantity_e8",
        "last_price_e8",
        "fee_quote_e8",
        "fee_base_e8",
        "is_maker",
        "execution_id",
        "reason",
    ),
    e.ClosedBar: ("time_ns", "open_ms", "open_e8", "high_e8", "low_e8", "close_e8", "volume_e8"),
    e.FundingPayment: ("time_ns", "funding_time_ms", "amount_e8", "rate_e8", "mark_e8"),
    Bar: ("open_ms", "open_e8", "high_e8", "low_e8", "close_e8", "volume_e8", "trades"),
    Ledger: (
        "initial_e8",
        "wallet_e8",
        "position_e8",
        "cost_e8",
        "realized_e8",
        "fees_e8",
        "funding_e8",
        "dust_e8",
        "dust_cost_e8",
    ),
    Order: ORDER_INTENT_FIELDS,
}
_BY_NAME: Final = {made.__name__: (made, names) for made, names in _BUILT_FROM.items()}
_names: dict[type, tuple[str, ...]] = {}


def names_of(kind: type) -> tuple[str, ...]:
    """The attributes of a compiled class, sorted; () for one that keeps them in a dictionary."""
    found = _names.get(kind)
    if found is None:
        # mypyc lists a class's attributes, its parents' included.
        found = _told(kind, set(getattr(kind, "__mypyc_attrs__", ())) - {"__dict__"})
        _names[kind] = found
    return found


def attributes_of(value: object) -> tuple[str, ...]:
    """The attributes of an object, sorted: the same compiled and pure."""
    if dataclasses.is_dataclass(value):
        return tuple(sorted(field.name for field in dataclasses.fields(value)))
    kind = type(value)
    return names_of(kind) or _told(kind, set(vars(value)))


def _told(kind: type, names: set[str]) -> tuple[str, ...]:
    for base, left_out in LEFT_OUT.items():
        if issubclass(kind, base):
            names = names - left_out
    return tuple(sorted(names))


def plain(value: Any) -> Any:
    """The value in what JSON has: an object becomes its attributes by name, with its class under "is"."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    kind = type(value)
    fields: dict[str, Any] = {CLASS: kind.__name__}
    for name in attributes_of(value):
        fields[name] = plain(getattr(value, name))
    return fields


def revive(value: Any) -> Any:
    """`plain` undone, for events, bars, ledgers, orders. Raises KeyError, TypeError or ValueError for other words."""
    if isinstance(value, list):
        return [revive(one) for one in value]
    if not isinstance(value, dict):
        return value
    if CLASS not in value:
        return {key: revive(one) for key, one in value.items()}
    made, names = _BY_NAME[value[CLASS]]
    found = made(*(revive(value[name]) for name in names))
    for name, one in value.items():
        if name != CLASS and name not in names:
            setattr(found, name, revive(one))
    return found


def dump(value: Any) -> bytes:
    """Canonical JSON of what is plain already."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def encode(value: Any) -> bytes:
    """Canonical JSON: the same bytes for the same words, compiled or pure."""
    return dump(plain(value))
