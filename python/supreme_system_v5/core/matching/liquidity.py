"""What the market offers a taker right now, and what of it we have already taken.

Level 1 is the last quote; deeper levels come from the local book while it is in sync, and only those worse than
the quote, because the quote is the fresher of the two. Nothing better than the quote is ever offered.
"""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import BookSnapshot, Depth
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.market.view import MarketView


def offered_levels(view: MarketView, side: i64, limit_e8: i64, count: int) -> list[tuple[int, int]]:
    """The levels an order of ``side`` can take, best first, as (price, shown quantity); ``limit_e8`` 0 = any price."""
    best_e8 = view.ask_e8 if side == BUY else view.bid_e8
    if best_e8 <= 0 or (limit_e8 > 0 and (best_e8 - limit_e8) * side > 0):
        return []
    levels = [(int(best_e8), int(view.ask_quantity_e8 if side == BUY else view.bid_quantity_e8))]
    if count <= 1 or not view.local_book.is_synced:
        return levels
    for price_e8, quantity_e8 in view.local_book.book.levels(int(-side), count):
        if limit_e8 > 0 and (price_e8 - limit_e8) * side > 0:
            break
        if (price_e8 - best_e8) * side > 0:
            levels.append((price_e8, quantity_e8))
    return levels


def snapshot_levels(snapshot: BookSnapshot, side: i64, limit_e8: i64) -> list[tuple[int, int]]:
    """The same from a REST snapshot alone: where the quotes are silent, an exit fills from it."""
    flat = snapshot.asks if side == BUY else snapshot.bids
    levels: list[tuple[int, int]] = []
    for index in range(0, len(flat) - 1, 2):
        price_e8 = flat[index]
        quantity_e8 = flat[index + 1]
        if price_e8 > 0 and quantity_e8 > 0 and not (limit_e8 > 0 and (price_e8 - limit_e8) * side > 0):
            levels.append((int(price_e8), int(quantity_e8)))
    levels.sort(reverse=side == SELL)
    return levels


class TakenLevel:
    """How much of one shown level we took. Quantities in 1e-8 units."""

    def __init__(self, shown_e8: i64, update_id: i64) -> None:
        self.taken_e8: i64 = 0
        self.shown_e8: i64 = shown_e8
        self.update_id: i64 = update_id


class TakenLiquidity:
    """The memory of what we took, by side and price, until the market says something new about that price.

    The market does not know of our fills, so a level we emptied is still shown. It is ours no second time until a
    quote shows the price with another quantity or has moved beyond it, or a depth update names the price (while
    it is not the best one, where the quote is the word that counts).
    """

    def __init__(self) -> None:
        self.asks: dict[int, TakenLevel] = {}  # taken by our buys
        self.bids: dict[int, TakenLevel] = {}

    @property
    def is_empty(self) -> bool:
        return not self.asks and not self.bids

    def available_e8(self, side: i64, price_e8: int, shown_e8: int) -> i64:
        """What is left for an order of ``side`` of a level that shows this quantity."""
        level = (self.asks if side == BUY else self.bids).get(price_e8)
        if level is None:
            return shown_e8
        return max(0, shown_e8 - level.taken_e8)

    def take(self, side: i64, price_e8: int, quantity_e8: i64, shown_e8: int, update_id: i64) -> None:
        """Remember a fill of ours; ``update_id`` is the last quote's."""
        levels = self.asks if side == BUY else self.bids
        level = levels.get(price_e8)
        if level is None:
            level = TakenLevel(shown_e8, update_id)
            levels[price_e8] = level
        level.taken_e8 += quantity_e8
        level.shown_e8 = shown_e8
        level.update_id = update_id

    def on_quote(self, view: MarketView) -> None:
        """Forget what the new quote has made old."""
        _forget_by_quote(self.asks, view.ask_e8, view.ask_quantity_e8, BUY)
        _forget_by_quote(self.bids, view.bid_e8, view.bid_quantity_e8, SELL)

    def on_depth(self, event: Depth, view: MarketView) -> None:
        """Forget the levels a depth update names. Out of sync there are no deeper levels, nor a memory of them."""
        if not view.local_book.is_synced:
            self.keep_best(view)
            return
        _forget_by_depth(self.asks, event.asks, event.final_update_id, view.ask_e8)
        _forget_by_depth(self.bids, event.bids, event.final_update_id, view.bid_e8)

    def keep_best(self, view: MarketView) -> None:
        """Forget everything but the levels the quote rules (a snapshot, or a book out of sync)."""
        _forget_but(self.asks, view.ask_e8)
        _forget_but(self.bids, view.bid_e8)

    def state(self) -> list[object]:
        """Everything that determines the future, in canonical order, for the digest."""
        fields: list[object] = []
        for levels in (self.asks, self.bids):
            fields.append(len(levels))
            for price_e8 in sorted(levels):
                level = levels[price_e8]
                fields.extend([price_e8, int(level.taken_e8), int(level.shown_e8), int(level.update_id)])
        return fields


def _forget_by_quote(levels: dict[int, TakenLevel], best_e8: i64, shown_e8: i64, side: i64) -> None:
    if not levels or best_e8 <= 0:
        return
    for price_e8 in list(levels):
        if (price_e8 - best_e8) * side < 0 or (price_e8 == best_e8 and levels[price_e8].shown_e8 != shown_e8):
            del levels[price_e8]


def _forget_by_depth(levels: dict[int, TakenLevel], flat: list[i64], update_id: i64, best_e8: i64) -> None:
    if not levels:
        return
    for index in range(0, len(flat), 2):
        price_e8 = int(flat[index])
        if price_e8 == best_e8:
            continue
        level = levels.get(price_e8)
        if level is not None and level.update_id < update_id:
            del levels[price_e8]


def _forget_but(levels: dict[int, TakenLevel], best_e8: i64) -> None:
    for price_e8 in list(levels):
        if price_e8 != best_e8:
            del levels[price_e8]
