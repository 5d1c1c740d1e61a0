"""What the book knows of an order, and what it asks of the party that owns the orders: the two ports of the matcher."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from supreme_system_v5.core.matching.queue_position import QueuePosition

# Self-trade prevention: what may happen when an order meets one of the same owner.
STP_NONE: Final = "NONE"
STP_EXPIRE_TAKER: Final = "EXPIRE_TAKER"
STP_EXPIRE_MAKER: Final = "EXPIRE_MAKER"
STP_EXPIRE_BOTH: Final = "EXPIRE_BOTH"
STP_DECREMENT: Final = "DECREMENT"


@mypyc_attr(allow_interpreted_subclasses=True)
class BookOrder:
    """One order in the book or on its way into it. Prices and quantities in 1e-8 units; side +1 buys, -1 sells."""

    def __init__(self, side: i64, price_e8: i64, quantity_e8: i64) -> None:
        self.side: i64 = side
        self.price_e8: i64 = price_e8  # 0 = any (market orders)
        self.quantity_e8: i64 = quantity_e8
        self.filled_e8: i64 = 0
        self.is_done = False
        self.stp_mode = STP_NONE  # what it asks for when it meets one of the same owner
        self.queue: QueuePosition | None = None  # set while it rests as a maker
        self.arrival: i64 = 0  # given by the book when it comes to rest: the older has the smaller number

    @property
    def remaining_e8(self) -> i64:
        return self.quantity_e8 - self.filled_e8

    @property
    def limit_e8(self) -> i64:
        """The worst price it accepts; 0 = any."""
        return self.price_e8


@mypyc_attr(allow_interpreted_subclasses=True)
class Party:
    """Who owns the orders: how much of one may still fill, and what a fill does to the books behind it."""

    def allowed_e8(self, order: BookOrder, price_e8: i64) -> i64:
        """How much may still fill at this price (reduce-only, a quote budget), before rounding to steps."""
        raise NotImplementedError

    def fill(self, order: BookOrder, quantity_e8: i64, price_e8: i64, is_maker: bool, time_ns: i64) -> None:
        """Book a fill: ``order.filled_e8`` and, when nothing is left, ``order.is_done`` are the party's to set.

        It may end other orders (``is_done``, and out of the book), not take with one.
        """
        raise NotImplementedError

    def match(self, taker: BookOrder, maker: BookOrder, quantity_e8: i64, time_ns: i64) -> None:
        """Two orders of clients meet at the maker's price; here: the maker's fill, then the taker's."""
        self.fill(maker, quantity_e8, maker.price_e8, True, time_ns)
        self.fill(taker, quantity_e8, maker.price_e8, False, time_ns)

    def whole_e8(self, maker: BookOrder) -> i64:
        """How much a resting order has for a fill-or-kill order, should more be behind it than it shows (icebergs)."""
        return self.allowed_e8(maker, maker.price_e8)

    def is_self_trade(self, taker: BookOrder, maker: BookOrder) -> bool:  # noqa: ARG002 - one owner trusts itself
        """True when the two must not trade with each other; then ``prevent`` is called instead of ``match``."""
        return False

    def prevent(self, taker: BookOrder, maker: BookOrder, time_ns: i64) -> None:
        """Self-trade prevention: end (``is_done``) or shrink one or both of them, so that the walk can go on."""
        raise NotImplementedError
