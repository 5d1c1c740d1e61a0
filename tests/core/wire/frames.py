"""Valid frames for the tests of this room, and what events are compared by."""

from __future__ import annotations

import json
from typing import Any

from supreme_system_v5.core.domain.events import Depth, Event, FeedStatus, MarkPrice, Quote, Tick, Trade

RECV_NS = 1_723_161_255_000_000_123
SIM_NS = 1_723_161_256_000_000_456

AGG_TRADE = {
    "e": "aggTrade",
    "E": 1723161255612,
    "s": "ETHUSDT",
    "a": 1520538925,
    "p": "2683.80000000",
    "q": "0.00200000",
    "f": 1,
    "l": 2,
    "T": 1723161255611,
    "m": True,
    "M": True,
}
TRADE = {
    "e": "trade",
    "E": 1723161255612,
    "s": "ETHUSDT",
    "t": 1520538925,
    "p": "2683.80",
    "q": "0.002",
    "T": 1723161255611,
    "X": "MARKET",
    "m": False,
}
QUOTE = {"u": 35346513501, "s": "ETHUSDT", "b": "2683.80", "B": "3.0292", "a": "2683.81", "A": "31.4395"}
DEPTH = {
    "e": "depthUpdate",
    "E": 1723161255308,
    "T": 1723161255300,
    "s": "ETHUSDT",
    "U": 157,
    "u": 160,
    "pu": 149,
    "b": [["2683.80", "3.0292"], ["2679.00", "0.000"]],
    "a": [["2733.70", "0"]],
}
MARK = {
    "e": "markPriceUpdate",
    "E": 1562305380000,
    "s": "ETHUSDT",
    "p": "11794.15000000",
    "i": "11784.62659091",
    "P": "11784.25641265",
    "r": "-0.00038167",
    "T": 1562306400000,
}


def compact(frame: object) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()


def wrapped(stream: str, data: dict[str, Any], sim_ns: int = 0) -> bytes:
    frame: dict[str, Any] = {"stream": stream, "data": data}
    if sim_ns:
        frame["x_time_ns"] = sim_ns
    return compact(frame)


def words(event: Event | None) -> tuple[object, ...]:
    """Everything an event says, as plain values."""
    if event is None:
        return ()
    head = (type(event).__name__, int(event.kind), int(event.time_ns))
    if isinstance(event, Trade):
        numbers = (event.trade_id, event.price_e8, event.quantity_e8, event.event_time_ms, event.trade_time_ms)
        return (*head, *map(int, numbers), event.is_buyer_maker, event.price, event.quantity)
    if isinstance(event, Quote):
        sides = (event.bid_e8, event.bid_quantity_e8, event.ask_e8, event.ask_quantity_e8)
        return (*head, int(event.event_time_ms), int(event.update_id), *map(int, sides))
    if isinstance(event, Depth):
        ids = (event.event_time_ms, event.first_update_id, event.final_update_id, event.previous_final_id)
        return (*head, *map(int, ids), tuple(map(int, event.bids)), tuple(map(int, event.asks)))
    if isinstance(event, MarkPrice):
        prices = (event.event_time_ms, event.mark_e8, event.index_e8, event.funding_rate_e8, event.next_funding_ms)
        return (*head, *map(int, prices))
    if isinstance(event, FeedStatus):
        return (*head, event.source, event.stream, event.state, int(event.value))
    assert isinstance(event, Tick)
    return head
