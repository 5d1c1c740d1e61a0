"""The orders that rest in the book as makers: kept by price and time, moved by trades and by what the levels show."""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import ExecutionReport, Trade
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.booking import Booking
from supreme_system_v5.core.matching.queue_position import UNKNOWN_E8, QueuePosition
from supreme_system_v5.core.matching.working import WorkingOrder


class RestingOrders:
    """Maker orders of one symbol. ``orders``: of each side the better price first, then the older."""

    def __init__(self, view: MarketView, booking: Booking) -> None:
        self.view = view
        self.booking = booking
        self.orders: list[WorkingOrder] = []

    def add(self, order: WorkingOrder) -> None:
        """The order joins the end of the queue at its price."""
        order.queue = QueuePosition(self._shown_e8(order))
        index = len(self.orders)
        while index > 0:
            other = self.orders[index - 1]
            if other.side != order.side or (order.price_e8 - other.price_e8) * order.side <= 0:
                break
            index -= 1
        self.orders.insert(index, order)

    def on_trade(self, trade: Trade, reports: list[ExecutionReport]) -> None:
        """What a trade means for each order; the trade's quantity fills ours only once."""
        used_e8: i64 = 0
        for order in list(self.orders):
            queue = order.queue
            assert queue is not None
            beyond_e8 = (order.price_e8 - trade.price_e8) * order.side
            if beyond_e8 > 0:
                queue.on_trade_through()
                reached_e8 = trade.quantity_e8
            elif beyond_e8 == 0 and trade.is_buyer_maker == (order.side == BUY):
                reached_e8 = queue.on_trade_at(trade.quantity_e8, trade.time_ns)
            else:
                continue
            wanted_e8 = min(reached_e8 - used_e8, self.booking.allowed_e8(order))
            if wanted_e8 <= 0:
                continue
            quantity_e8: i64 = self.booking.instrument.quantity_down(int(wanted_e8))
            if quantity_e8 > 0:
                used_e8 += quantity_e8
                self.booking.fill(order, quantity_e8, order.price_e8, True, trade.time_ns, reports)

    def on_levels(self, is_quote: bool, time_ns: i64) -> None:
        """The levels changed: quotes speak for orders at the best price and beyond, the book for those behind it."""
        for order in self.orders:
            best_e8 = self.view.bid_e8 if order.side == BUY else self.view.ask_e8
            if best_e8 <= 0 or ((order.price_e8 - best_e8) * order.side < 0) == is_quote:
                continue
            shown_e8 = self._shown_e8(order)
            if shown_e8 != UNKNOWN_E8 and order.queue is not None:
                order.queue.on_level(shown_e8, time_ns)

    def _shown_e8(self, order: WorkingOrder) -> i64:
        """What the market shows at the order's price on its own side; UNKNOWN_E8 when it cannot be seen."""
        view = self.view
        best_e8 = view.bid_e8 if order.side == BUY else view.ask_e8
        if order.price_e8 == best_e8:
            return view.bid_quantity_e8 if order.side == BUY else view.ask_quantity_e8
        if (order.price_e8 - best_e8) * order.side > 0:
            return 0
        if not view.local_book.is_synced:
            return UNKNOWN_E8
        return view.local_book.book.quantity_at(int(order.side), order.price_e8)
