"""The USD-M venue over a restart: everything that determines its future as JSON-able values, and back.

The book is rebuilt from the open orders: each returns to its queue position, in the order of its arrival.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from supreme_system_v5.core.matching.exchange.usdm import NS_PER_MS, UsdmVenue
from supreme_system_v5.core.matching.exchange.usdm_rules import GTD

VERSION: Final = 1
_BOOKING: Final = ("mark_e8", "fees_e8", "funding_e8", "insurance_e8")
_PRICES: Final = ("last_e8", "index_e8", "rate_e8", "next_funding_ms")


def save(venue: UsdmVenue) -> dict[str, Any]:
    """JSON-able."""
    return {
        "version": VERSION,
        "accounts": {name: account.save() for name, account in venue.accounts.items()},
        "orders": venue.orders.save(),
        "algos": venue.algos.save(),
        "ids": venue.ids.save(),
        "prices": [getattr(venue, name) for name in _PRICES],
        "booking": [getattr(venue.booking, name) for name in _BOOKING],
    }


def restore(venue: UsdmVenue, saved: dict[str, Any]) -> None:
    """Into a fresh venue whose ``offset_ns`` is set. Raises ValueError for another version."""
    if saved.get("version") != VERSION:
        raise ValueError(f"USD-M state of version {saved.get('version')!r}, this is version {VERSION}")
    for name, fields in saved["accounts"].items():
        account = venue.open_account(name, {})
        account.restore(fields)
        if account.countdown_ns:
            venue.timers.add(account.countdown_ns, "countdown", (name, 0))
    venue.orders.restore(saved["orders"])
    venue.algos.restore(saved["algos"])
    venue.ids.restore(saved["ids"])
    for name, value in zip(_PRICES, saved["prices"], strict=True):
        setattr(venue, name, value)
    for name, value in zip(_BOOKING, saved["booking"], strict=True):
        setattr(venue.booking, name, value)
    _rebuild_book(venue)
    for algo in venue.algos.open_good_till():
        venue.timers.add(algo.asked.good_till_ms * NS_PER_MS - venue.offset_ns, "algo", (algo.account, algo.algo_id))


def _rebuild_book(venue: UsdmVenue) -> None:
    for order in sorted(venue.orders.all_open(), key=lambda order: int(order.arrival)):
        queue = order.queue
        venue.matcher.resting.add(order)
        order.queue = queue
        if order.locked_e8:
            venue.accounts[order.account].lock(int(order.side), order.locked_e8)
        if order.time_in_force == GTD:
            venue.timers.add(
                order.asked.good_till_ms * NS_PER_MS - venue.offset_ns, "order", (order.account, order.order_id)
            )


def state(venue: UsdmVenue) -> list[object]:
    """Everything that determines the future, for determinism tests; a copy."""
    orders = [[order.order_id, int(order.filled_e8), order.status] for order in venue.orders.all_open()]
    accounts = [venue.accounts[name].state() for name in sorted(venue.accounts)]
    figures = [getattr(venue, name) for name in _PRICES] + [getattr(venue.booking, name) for name in _BOOKING]
    return [accounts, orders, copy.deepcopy(venue.algos.save()), figures, venue.ids.save()]
