"""A market and the venue that trades in it: what each must know of the other.

A `Background` is a market that clients trade in. It gives the venue its liquidity and its trade ids; it tells the venue
what happens in the market, and its timers, in order and before the frames are given out; and it is told by ``settle``
that a command has changed something, so that the public sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from supreme_system_v5.adapters.exchange.market.sim_market import NEVER
from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.book_order import BookOrder
from supreme_system_v5.core.matching.exchange.happenings import Happening, OrderUpdate, PublicTrade
from supreme_system_v5.core.matching.liquidity import Liquidity
from supreme_system_v5.core.matching.matcher import Matcher

Level = tuple[int, int]  # side (+1 = bids) and price e8


class TradingVenue(Protocol):
    """What a market asks of the venue that trades in it."""

    matcher: Matcher

    @property
    def happenings(self) -> list[Happening]: ...
    def on_trade(self, trade: Trade) -> object: ...
    def on_quote(self, time_ns: int) -> object: ...
    def on_depth(self, time_ns: int) -> object: ...


@runtime_checkable
class TimedVenue(Protocol):
    """A venue with timers of its own (market time)."""

    def next_ns(self) -> int: ...
    def advance(self, time_ns: int) -> object: ...


@runtime_checkable
class MarkedVenue(Protocol):
    """A venue that needs the mark price and the funding it announces."""

    def on_mark(self, time_ns: int, mark_e8: int, index_e8: int, rate_e8: int, next_funding_ms: int) -> object: ...


class Background(Protocol):
    """A market that clients trade in: SharedMarket (generated) or SharedRecording.

    Bind once, before the first step. After every command to the venue: ``settle`` with the market time it was done at,
    and only then take the venue's happenings; what the public sees of it comes out of the market's next ``step``.
    """

    @property
    def liquidity(self) -> Liquidity: ...

    @property
    def trade_source(self) -> Callable[[], int] | None:
        """For Ids: gives the tape's ids; None = the venue counts in its private range."""

    def bind(self, venue: TradingVenue) -> None: ...
    def settle(self, time_ns: int) -> None: ...
    def save(self) -> dict[str, Any]: ...
    def restore(self, saved: dict[str, Any]) -> None: ...


class VenueLink:
    """The venue as its market sees it."""

    def __init__(self, venue: TradingVenue) -> None:
        self.venue = venue
        self.orders = ClientOrders(venue.matcher)
        self._timed = venue if isinstance(venue, TimedVenue) else None
        self._marked = venue if isinstance(venue, MarkedVenue) else None
        self._last: Happening | None = None  # the last that has been looked at, and where it stood
        self._at = -1

    @property
    def needs_mark(self) -> bool:
        return self._marked is not None

    def next_ns(self) -> int:
        """When the venue's next timer is due; NEVER."""
        return NEVER if self._timed is None else self._timed.next_ns()

    def advance(self, time_ns: int) -> None:
        """Let the venue's timers run up to a market time."""
        if self._timed is not None:
            self._timed.advance(time_ns)
            assert self._timed.next_ns() > time_ns, "the venue's timer stands still"

    def on_mark(self, time_ns: int, mark_e8: int, index_e8: int, rate_e8: int, next_funding_ms: int) -> None:
        if self._marked is not None:
            self._marked.on_mark(time_ns, mark_e8, index_e8, rate_e8, next_funding_ms)

    def news(self) -> tuple[list[PublicTrade], set[Level]]:
        """Clients' trades for the tape and the levels of orders that changed, since the last call.

        A maker's fill is a public trade whether the venue says so or leaves it to the market whose flow filled it.
        The venue's list may be taken from it in between: what was looked at is known by where it stood.
        """
        happenings = self.venue.happenings
        first = self._at + 1
        if not (0 <= self._at < len(happenings) and happenings[self._at] is self._last):
            first = 0
        trades: dict[int, PublicTrade] = {}
        levels: set[Level] = set()
        for index in range(first, len(happenings)):
            happening = happenings[index]
            if isinstance(happening, PublicTrade):
                trades[happening.trade_id] = happening
            elif isinstance(happening, OrderUpdate):
                order, fill = happening.order, happening.fill
                levels.add((int(order.side), int(order.price_e8)))
                if fill is not None and fill.is_maker and fill.trade_id not in trades:
                    trades[fill.trade_id] = PublicTrade(
                        fill.time_ns, fill.trade_id, fill.price_e8, fill.quantity_e8, fill.side == BUY
                    )
        self._at = len(happenings) - 1
        self._last = happenings[-1] if happenings else None
        return list(trades.values()), levels


class ClientOrders:
    """The resting orders of the clients, as the market's own flow meets them. Prices and quantities in 1e-8 units."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def is_empty(self, side: int) -> bool:
        """True when nobody's order rests on that side (+1 = bids)."""
        return not self._matcher.resting.side(side).orders

    def levels(self) -> set[Level]:
        """Where orders rest."""
        return {(int(order.side), int(order.price_e8)) for order in self._matcher.resting.all()}

    def at(self, side: int, price_e8: int) -> list[BookOrder]:
        """The orders at a price, oldest first."""
        return [order for order in self._matcher.resting.side(side).at(price_e8) if not order.is_done]

    def visible_e8(self, side: int, price_e8: int) -> int:
        """What the public sees of them at a price: of an iceberg the tip."""
        total_e8 = 0
        for order in self.at(side, price_e8):
            tip_e8 = int(getattr(order, "visible_e8", 0))
            total_e8 += tip_e8 or int(order.remaining_e8)
        return total_e8

    def fillable_e8(self, side: int, price_e8: int) -> int:
        """How much of them could fill at their price now, in whole steps."""
        party, down = self._matcher.party, self._matcher.instrument.quantity_down
        return sum(down(int(party.allowed_e8(order, price_e8))) for order in self.at(side, price_e8))

    def ahead_e8(self, side: int, price_e8: int, time_ns: int) -> int:
        """How much of the market's own stands before the first of them at a price."""
        for order in self.at(side, price_e8):
            self._matcher.resting.tell(order, time_ns)
            if order.queue is not None:
                return max(0, int(order.queue.ahead_e8))
        return 0

    def hit_at(self, side: int, price_e8: int, quantity_e8: int, time_ns: int) -> int:
        """The market's flow trades so much at a price: behind the queue that was there it fills them. How much did."""
        if quantity_e8 <= 0:
            return 0
        trade = Trade(time_ns, 0, 0, 0, price_e8, quantity_e8, side == BUY)
        return int(self._matcher.resting.on_trade(trade))

    def hit_better(self, side: int, price_e8: int, quantity_e8: int, time_ns: int) -> int:
        """The market's flow goes for a price: orders that are better fill first. How much did."""
        left_e8 = quantity_e8
        while left_e8 > 0 and not self.is_empty(side):
            # Just beyond the price lies no order: all that is reached is better, and fills at its own price.
            trade = Trade(time_ns, 0, 0, 0, price_e8 + side, left_e8, side == BUY)
            used_e8 = int(self._matcher.resting.on_trade(trade))
            left_e8 -= used_e8
            if used_e8 == 0:  # of an iceberg the next part comes only now
                break
        return quantity_e8 - left_e8
