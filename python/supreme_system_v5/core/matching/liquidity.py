"""What the market offers a taker right now, and what of it we have already taken.

`Liquidity` is the port: what stands in the book besides the clients' orders. `ViewLiquidity` reads it off a market view
that does not know of our fills (a live feed, a recording): level 1 is the last quote; deeper levels come from the local
book while it is in sync, and only those worse than the quote, because the quote is the fresher of the two. Nothing
better than the quote is ever offered.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from supreme_system_v5.core.domain.events import (
    KIND_DEPTH,
    KIND_QUOTE,
    KIND_SNAPSHOT,
    KIND_TRADE,
    BookSnapshot,
    Depth,
    Event,
)
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.queue_position import UNKNOWN_E8

CHANGED_PRICES_MAX: Final = 20_000  # of nobody who asks for them no more are remembered


@mypyc_attr(allow_interpreted_subclasses=True)
class Liquidity:
    """The market's own orders, as far as a client can reach them. Prices and quantities in 1e-8 units."""

    def offered(self, side: i64, limit_e8: i64, count: int) -> list[tuple[int, int]]:
        """About ``count`` levels an order of ``side`` can take, best first, as (price, what is left there).

        ``limit_e8`` 0 = any price. A level with nothing left may be in it.
        """
        raise NotImplementedError

    def take(self, side: i64, price_e8: i64, quantity_e8: i64) -> None:
        """An order of ``side`` took so much of the level."""
        raise NotImplementedError

    def shown_e8(self, side: i64, price_e8: i64) -> i64:
        """What the market shows at a price on its ``side`` (+1 = bids); UNKNOWN_E8 when it cannot be seen."""
        raise NotImplementedError

    def best_e8(self, side: i64) -> i64:
        """The market's best price of a side (+1 = bid); 0 when there is none."""
        raise NotImplementedError

    def loses_taken(self) -> bool:
        """Does the market lose what a client takes, and what its own trades take of clients' orders?

        True: ``take`` lowers what is shown at once, and of each trade that ``RestingOrders.on_trade`` was told of the
        market gives up only what clients did not get. False: it knows nothing of clients (a live feed, a recording).
        """
        return False

    def changed_prices(self, side: i64) -> list[int] | None:  # noqa: ARG002 - for those who know
        """Where a side may show another quantity than when this was last asked; None = anywhere."""
        return None


class ViewLiquidity(Liquidity):
    """What a MarketView shows, less what we took of it."""

    def __init__(self, view: MarketView) -> None:
        self.view = view
        self.taken = TakenLiquidity()
        self.snapshot: BookSnapshot | None = None  # while set, it is offered instead of the view
        # The prices that book updates have named since they were asked for; None = any may have changed.
        self._changed_bids: list[int] | None = None
        self._changed_asks: list[int] | None = None

    def on_event(self, event: Event) -> None:
        """Every quote, book update and snapshot after the view has seen it: what we took of it may be void now."""
        view = self.view
        if event.kind == KIND_QUOTE:
            self.taken.on_quote(view)
        elif event.kind == KIND_DEPTH:
            assert isinstance(event, Depth)
            self.taken.on_depth(event, view)
            self._changed_bids = _with_named(self._changed_bids, event.bids)
            self._changed_asks = _with_named(self._changed_asks, event.asks)
        elif event.kind == KIND_TRADE:
            self.taken.keep_best(view)  # where quotes are derived: what we took is missing until the best price moves
        elif event.kind == KIND_SNAPSHOT:
            self.taken.keep_best(view)
            self._changed_bids = None  # a book that was lost begins anew with one
            self._changed_asks = None

    def changed_prices(self, side: i64) -> list[int] | None:
        if not self.view.local_book.is_synced:
            return None
        if side == BUY:
            changed = self._changed_bids
            self._changed_bids = []
        else:
            changed = self._changed_asks
            self._changed_asks = []
        return changed

    def offered(self, side: i64, limit_e8: i64, count: int) -> list[tuple[int, int]]:
        if self.snapshot is None:
            levels = offered_levels(self.view, side, limit_e8, count)
        else:
            levels = snapshot_levels(self.snapshot, side, limit_e8)
        if self.taken.is_empty:
            return levels
        return [(price_e8, int(self.taken.available_e8(side, price_e8, shown_e8))) for price_e8, shown_e8 in levels]

    def take(self, side: i64, price_e8: i64, quantity_e8: i64) -> None:
        shown_e8 = self.shown_e8(-side, price_e8)
        if self.snapshot is not None or shown_e8 == UNKNOWN_E8:
            shown_e8 = self._offered_at(side, price_e8)
        self.taken.take(side, int(price_e8), quantity_e8, int(shown_e8), self.view.quote_update_id)

    def _offered_at(self, side: i64, price_e8: i64) -> i64:
        if self.snapshot is not None:
            for level_e8, shown_e8 in snapshot_levels(self.snapshot, side, price_e8):
                if level_e8 == price_e8:
                    return shown_e8
        return 0

    def shown_e8(self, side: i64, price_e8: i64) -> i64:
        view = self.view
        best_e8 = view.bid_e8 if side == BUY else view.ask_e8
        if price_e8 == best_e8:
            return view.bid_quantity_e8 if side == BUY else view.ask_quantity_e8
        if (price_e8 - best_e8) * side > 0:
            return 0
        if view.is_derived:
            return view.derived_depth_e8
        if not view.local_book.is_synced:
            return UNKNOWN_E8
        return view.local_book.book.quantity_at(int(side), price_e8)

    def best_e8(self, side: i64) -> i64:
        return self.view.bid_e8 if side == BUY else self.view.ask_e8


def offered_levels(view: MarketView, side: i64, limit_e8: i64, count: int) -> list[tuple[int, int]]:
    """The levels an order of ``side`` can take, best first, as (price, shown quantity); ``limit_e8`` 0 = any price."""
    best_e8 = view.ask_e8 if side == BUY else view.bid_e8
    if best_e8 <= 0 or (limit_e8 > 0 and (best_e8 - limit_e8) * side > 0):
        return []
    levels = [(int(best_e8), int(view.ask_quantity_e8 if side == BUY else view.bid_quantity_e8))]
    if count <= 1:
        return levels
    if view.is_derived:
        return levels + _derived_levels(view, side, limit_e8, count)
    if not view.local_book.is_synced:
        return levels
    for price_e8, quantity_e8 in view.local_book.book.levels(int(-side), count):
        if limit_e8 > 0 and (price_e8 - limit_e8) * side > 0:
            break
        if (price_e8 - best_e8) * side > 0:
            levels.append((price_e8, quantity_e8))
    return levels


def _derived_levels(view: MarketView, side: i64, limit_e8: i64, count: int) -> list[tuple[int, int]]:
    """The levels behind a derived quote: the same quantity at every tick."""
    price_e8 = int(view.ask_e8 if side == BUY else view.bid_e8)
    step_e8 = view.instrument.tick_e8 if side == BUY else -view.instrument.tick_e8
    levels: list[tuple[int, int]] = []
    while len(levels) < count - 1:
        price_e8 += step_e8
        if price_e8 <= 0 or (limit_e8 > 0 and (price_e8 - limit_e8) * side > 0):
            break
        levels.append((price_e8, int(view.derived_depth_e8)))
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


def _with_named(changed: list[int] | None, flat: list[i64]) -> list[int] | None:
    if changed is None or len(changed) + len(flat) > CHANGED_PRICES_MAX:
        return None
    for index in range(0, len(flat), 2):
        changed.append(int(flat[index]))
    return changed


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
