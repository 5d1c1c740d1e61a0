"""The liquidity of a recorded market: what it shows, less what clients took of it; and that memory, over a restart."""

from __future__ import annotations

from collections.abc import Sequence

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.liquidity import TakenLevel, ViewLiquidity

SavedTaken = list[list[list[int]]]


def recorded_liquidity(instrument: Instrument) -> ViewLiquidity:
    """Over a view of its own: events go into ``view.apply``, then ``on_event``."""
    return ViewLiquidity(MarketView(instrument))


def save_taken(liquidity: ViewLiquidity) -> SavedTaken:
    """What clients took and the market still shows: asks, then bids, as [price, taken, shown, update id]; JSON-able."""
    return [
        [[price_e8, int(x.taken_e8), int(x.shown_e8), int(x.update_id)] for price_e8, x in sorted(side.items())]
        for side in (liquidity.taken.asks, liquidity.taken.bids)
    ]


def restore_taken(liquidity: ViewLiquidity, saved: Sequence[Sequence[Sequence[int]]]) -> None:
    """Into a liquidity of which nothing has been taken."""
    for levels, side in zip((liquidity.taken.asks, liquidity.taken.bids), saved, strict=True):
        for price_e8, taken_e8, shown_e8, update_id in side:
            levels[price_e8] = TakenLevel(shown_e8, update_id)
            levels[price_e8].taken_e8 = taken_e8
