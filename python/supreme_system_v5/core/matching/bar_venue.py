"""The paper venue where bars are all there is: what may fill inside a bar, taken conservatively.

A bar tells its open, high, low and close, not the order in which they came. The rule:

- An order is filled at the open of the first bar that begins when it was sent or later: a signal comes with a bar's
  close, so its entry fills at the next bar's open. It pays half the spread and the slippage, rounded to the tick
  against it. A limit that this price passes is not filled and ends, as IOC.
- Stop and target rest from the moment of the entry's fill on, in that very bar. A stop that the open has passed fills
  at the open (a gap); one that lies between low and high fills at its trigger; both pay half the spread and the
  slippage. A target fills at its own price, never better, also where the open has passed it.
- Where stop and target lie in one bar the stop was first.
- Every order fills as a whole: a bar does not tell what the book held. Latency is less than a bar can show.

``is_simplest`` is for checking by independent means: whole quantities at the close of the bar that brought the signal,
stop and target at their own prices (a gap at the open), no spread, no slippage.
"""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import KIND_CLOSED_BAR, ClosedBar, Event, ExecutionReport
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import NS_PER_MS
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.domain.order import BUY, CANCELED, EXPIRED, OPEN, REJECTED, ROLE_STOP, Order
from supreme_system_v5.core.domain.ports import NEVER_NS, Venue
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.booking import Booking
from supreme_system_v5.core.matching.working import WorkingOrder, is_supported


class BarVenue(Venue):
    """One account, one symbol. ``slippage_e8`` is a 1e-8 fraction of the price (10_000 = 1 bp)."""

    def __init__(
        self,
        instrument: Instrument,
        view: MarketView,
        taker_fee_e8: int,
        spread_e8: int,
        slippage_e8: int,
        is_simplest: bool = False,
    ) -> None:
        super().__init__()
        self.instrument = instrument
        self.view = view
        self.is_simplest = is_simplest
        self._half_spread_e8 = 0 if is_simplest else (spread_e8 + 1) // 2
        self._slippage_e8 = 0 if is_simplest else slippage_e8
        self._booking = Booking(instrument, taker_fee_e8, taker_fee_e8)
        self._sent: list[WorkingOrder] = []  # not filled yet, in the order they were sent
        self._outbox: list[ExecutionReport] = []

    # ---- what the driver sends

    def submit(self, order: Order, time_ns: i64) -> None:
        """Send an order at engine time ``time_ns``."""
        working = WorkingOrder(order)
        working.created_ns = time_ns
        self._sent.append(working)
        self.has_work = True

    def cancel(self, client_order_id: str, time_ns: i64) -> None:
        """Cancel at once; says nothing when the order is done by then."""
        for orders in (self._sent, self._booking.protection):
            for order in list(orders):
                if order.client_order_id == client_order_id and not order.is_done:
                    order.is_done = True
                    orders.remove(order)
                    self._outbox.append(order.report(time_ns, CANCELED, "canceled"))

    def place_protection(self, stop: Order, target: Order, time_ns: i64) -> None:
        """Rest stop and target at once, sized to the position, in the place of any others."""
        self.has_work = True
        pair = [WorkingOrder(stop), WorkingOrder(target)]
        self._booking.replace_protection(pair, "replaced", time_ns, self._outbox)
        for order in pair:
            report = order.report(time_ns, OPEN, "")
            report.protected_quantity_e8 = order.remaining_e8
            self._outbox.append(report)

    # ---- the Venue port

    def set_position(self, position_e8: int) -> None:
        self._booking.position_e8 = position_e8

    @property
    def position_e8(self) -> int:
        """The signed position by the venue's own fills."""
        return int(self._booking.position_e8)

    def next_ns(self) -> i64:
        if self._outbox:
            return self._outbox[0].time_ns
        if self.is_simplest and self._sent and self._sent[0].created_ns == self.view.trade_ns:
            return self.view.trade_ns  # sent with the close of the bar just seen: filled at that close
        return NEVER_NS

    def is_active(self) -> bool:
        """True while anything rests or waits."""
        return bool(self._sent or self._outbox or self._booking.protection)

    def advance(self, time_ns: i64) -> list[ExecutionReport]:
        reports = self._outbox
        self._outbox = []
        self._booking.reports = reports
        if self.is_simplest and self._sent and self._sent[0].created_ns == self.view.trade_ns:
            self._fill_sent(self.view.last_trade_e8, self.view.trade_ns, time_ns, reports)
        self.has_work = self.is_active()
        return reports

    def on_market(self, event: Event) -> list[ExecutionReport]:
        reports: list[ExecutionReport] = []
        if event.kind != KIND_CLOSED_BAR:
            return reports
        assert isinstance(event, ClosedBar)
        self._booking.reports = reports
        open_ns = event.open_ms * NS_PER_MS
        self._protect(event.open_e8, event.open_e8, event.open_e8, open_ns)
        if not self.is_simplest:
            self._fill_sent(event.open_e8, open_ns, open_ns, reports)
        self._protect(event.open_e8, event.high_e8, event.low_e8, event.time_ns)
        if self.is_simplest:
            self._fill_sent(event.close_e8, event.time_ns, event.time_ns, reports)
        self.has_work = self.is_active()
        return reports

    # ---- fills

    def _fill_sent(self, price_e8: i64, latest_ns: i64, time_ns: i64, reports: list[ExecutionReport]) -> None:
        """Fill, or end, every order that was sent by ``latest_ns``."""
        sent = self._sent
        self._sent = []
        for order in sent:
            if order.created_ns > latest_ns:
                self._sent.append(order)
            elif not is_supported(order):
                order.is_done = True
                reports.append(order.report(time_ns, REJECTED, "order_type"))
            else:
                self._fill(order, self._worse_e8(order.side, price_e8), time_ns, reports)

    def _fill(self, order: WorkingOrder, price_e8: i64, time_ns: i64, reports: list[ExecutionReport]) -> None:
        limit_e8 = order.limit_e8
        quantity_e8 = self._booking.allowed_e8(order, price_e8)
        reason = ""
        if quantity_e8 <= 0:
            reason = "reduce_only"
        elif limit_e8 > 0 and (price_e8 - limit_e8) * order.side > 0:
            reason = "ioc_remainder"
        if reason != "":
            order.is_done = True
            reports.append(order.report(time_ns, EXPIRED, reason))
            return
        self._booking.fill(order, quantity_e8, price_e8, False, time_ns)

    def _protect(self, open_e8: i64, high_e8: i64, low_e8: i64, time_ns: i64) -> None:
        """Stop and target against a range of prices that began at ``open_e8``; the stop stands first in the list."""
        for order in list(self._booking.protection):
            # The price that is worst for the position for its stop, the best for its target.
            is_low = (order.role == ROLE_STOP) == (order.side != BUY)
            if order.is_done or not order.is_crossed_by(low_e8 if is_low else high_e8):
                continue
            quantity_e8 = self._booking.allowed_e8(order, order.trigger_e8)
            if quantity_e8 <= 0:
                continue
            price_e8 = order.trigger_e8
            if order.role == ROLE_STOP:
                gap_e8 = open_e8 if order.is_crossed_by(open_e8) else price_e8
                price_e8 = self._worse_e8(order.side, gap_e8)
            order.is_triggered = True
            self._booking.fill(order, quantity_e8, price_e8, False, time_ns)

    def _worse_e8(self, side: i64, price_e8: i64) -> i64:
        """The price with half the spread and the slippage, on the tick, against the order."""
        if self.is_simplest:
            return price_e8
        price: int = int(price_e8)
        cost_e8 = self._half_spread_e8 + (price * self._slippage_e8 + E8 - 1) // E8
        if side == BUY:
            return self.instrument.price_up(price + cost_e8)
        return max(self.instrument.price_down(price - cost_e8), self.instrument.tick_e8)
