"""What an order would take from the book right now, and so what must be locked for it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot_books import SpotBooks, cost_e8
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder
from supreme_system_v5.core.matching.matcher import Matcher

_FEW: Final = 50
_ALL: Final = 20_000


def walk(matcher: Matcher, books: SpotBooks, order: ExchangeOrder) -> Iterator[tuple[int, int]]:
    """(price, quantity) the order could take within its limit, best first; orders of the same owner left out when
    they would not trade with it.
    """
    side = int(order.side)
    makers = (
        (int(maker.price_e8), int(books.allowed_e8(maker, int(maker.price_e8))))
        for maker in list(matcher.resting.side(-side).orders)
        if not maker.is_done and not books.is_self_trade(order, maker)
    )
    limit_e8 = int(order.limit_e8)
    for price_e8, left_e8 in heapq.merge(_offered(matcher, side, limit_e8), makers, key=lambda level: level[0] * side):
        if limit_e8 > 0 and (price_e8 - limit_e8) * side > 0:
            return
        yield price_e8, left_e8


def _offered(matcher: Matcher, side: int, limit_e8: int) -> Iterator[tuple[int, int]]:
    few = matcher.liquidity.offered(side, limit_e8, _FEW)
    yield from few
    if few:
        last_e8 = few[-1][0]
        for level in matcher.liquidity.offered(side, limit_e8, _ALL):
            if (level[0] - last_e8) * side > 0:
                yield level


def need_of_quantity(matcher: Matcher, books: SpotBooks, order: ExchangeOrder) -> int:
    """What a MARKET order of a quantity will give: base for a sell, for a buy the quote its levels cost."""
    left_e8 = books.available_e8(order)
    if order.side != BUY:
        return left_e8
    total_e8 = 0
    for price_e8, there_e8 in walk(matcher, books, order):
        quantity_e8 = books.instrument.quantity_down(min(left_e8, there_e8))
        total_e8 += cost_e8(quantity_e8, price_e8)
        left_e8 -= quantity_e8
        if left_e8 == 0:
            break
    return total_e8


def quantity_of_quote(matcher: Matcher, books: SpotBooks, order: ExchangeOrder, budget_e8: int) -> tuple[int, int]:
    """(quantity, cost) of a MARKET order by quoteOrderQty: as much as its levels give for no more than the budget.

    Raises Refusal -2010 when the book is empty.
    """
    quantity_e8 = spent_e8 = 0
    is_empty = True
    for price_e8, there_e8 in walk(matcher, books, order):
        is_empty = False
        affordable_e8 = (budget_e8 - spent_e8) * E8 // price_e8
        part_e8 = books.instrument.quantity_down(min(there_e8, affordable_e8))
        quantity_e8 += part_e8
        spent_e8 += cost_e8(part_e8, price_e8)
        if affordable_e8 <= there_e8:
            break
    if is_empty:
        raise Refusal(-2010, "Order book liquidity is less than symbol minimum quantity.")
    return quantity_e8, spent_e8
