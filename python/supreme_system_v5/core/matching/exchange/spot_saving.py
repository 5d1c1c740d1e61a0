"""The state of a spot venue: saved and restored over a restart, and in short for comparing two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.core.matching.exchange.spot_balances import load_balances
from supreme_system_v5.core.matching.exchange.words import PENDING_NEW, ExchangeOrder, PreventedMatch

if TYPE_CHECKING:
    from supreme_system_v5.core.matching.exchange.spot_engine import SpotEngine

_PREVENTED: Final = (
    "match_id",
    "account",
    "taker_order_id",
    "maker_order_id",
    "mode",
    "price_e8",
    "taker_e8",
    "maker_e8",
    "quantity_e8",
    "time_ns",
)


def save_venue(venue: SpotEngine) -> dict[str, object]:
    """JSON-able; taken between two calls."""
    return {
        "ids": venue.ids.save(),
        "accounts": {name: balances.save() for name, balances in venue.accounts.items()},
        "fees_e8": dict(venue.books.fees_e8),
        "prices": venue.books.prices.save(),
        "orders": venue.orders.save(),
        "resting": [order.order_id for order in _resting(venue)],
        "lists": venue.lists.save(),
        "prevented": [[getattr(match, name) for name in _PREVENTED] for match in venue.prevented],
    }


def restore_venue(venue: SpotEngine, saved: dict[str, Any]) -> None:
    """Into a fresh venue with the same market. Raises KeyError or ValueError for what is not a saved venue."""
    venue.ids.restore(saved["ids"])
    for name, fields in saved["accounts"].items():
        venue.accounts[name] = load_balances(fields, fields["updated_ns"])
    venue.books.fees_e8.update(saved["fees_e8"])
    venue.books.prices.restore(*saved["prices"])
    venue.orders.restore(saved["orders"])
    by_id = {order.order_id: order for order in venue.orders.all_open()}
    resting = saved["resting"]
    for order_id in resting:  # in the order in which they came to rest
        order = by_id.pop(order_id)
        queue = order.queue
        venue.matcher.resting.add(order)
        order.queue = queue
    for order in by_id.values():
        if order.status != PENDING_NEW:
            venue.triggers.add(order)
    venue.lists.restore(saved["lists"])
    for fields in saved["prevented"]:
        match = PreventedMatch.__new__(PreventedMatch)
        for name, value in zip(_PREVENTED, fields, strict=True):
            setattr(match, name, value)
        venue.prevented.append(match)
        for order_id, lost_e8 in ((match.taker_order_id, 1), (match.maker_order_id, match.maker_e8)):
            owner = venue.orders.get(match.account, order_id)
            if owner is not None and lost_e8 > 0:
                owner.prevented += (match,)


def venue_state(venue: SpotEngine) -> list[object]:
    """Everything that determines the future but the history of ended orders, in canonical order."""
    fields: list[object] = [sorted(venue.ids.save().items()), venue.books.prices.save()]
    for name in sorted(venue.accounts):
        balances = venue.accounts[name]
        fields.append([name, sorted(balances.free_e8.items()), sorted(balances.locked_e8.items())])
    fields.append(sorted(venue.books.fees_e8.items()))
    for order in venue.orders.all_open():
        fields.append(
            [
                order.order_id,
                order.status,
                int(order.filled_e8),
                order.quote_e8,
                order.locked_e8,
                order.prevented_e8,
                order.visible_e8,
                order.is_working,
            ]
        )
    fields.append([[order.order_id, order.queue.state() if order.queue else []] for order in _resting(venue)])
    fields.append([[found.list_id, found.order_status] for found in venue.lists.all_open()])
    return fields


def _resting(venue: SpotEngine) -> list[ExchangeOrder]:
    """In the order in which they came to rest."""
    orders = [order for order in venue.matcher.resting.all() if isinstance(order, ExchangeOrder)]
    return sorted(orders, key=lambda order: int(order.arrival))
