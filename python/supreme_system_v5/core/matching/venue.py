"""The paper venue: an exchange without a socket, advanced by the same ordered events as the engine.

Nothing here sleeps or asks the time. An order acts at its arrival (send time + latency) on the market as it stands
then; whatever rests or waits acts on the market event that concerns it. What it may fill at is in `liquidity.py`,
what a fill does in `booking.py`, the queue of resting orders in `queue_position.py`.

The driver's order for each event: ``advance(event.time_ns)`` when ``next_ns()`` is due, then apply the event to
the shared market view, then ``on_market(event)`` when it ``has_work``.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import (
    KIND_DEPTH,
    KIND_QUOTE,
    KIND_SNAPSHOT,
    KIND_TRADE,
    BookSnapshot,
    Event,
    ExecutionReport,
    Trade,
)
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import NS_PER_MS
from supreme_system_v5.core.domain.order import (
    BUY,
    CANCELED,
    EXPIRED,
    LIMIT,
    LIMIT_MAKER,
    MARKET,
    OPEN,
    PARTIALLY_FILLED,
    REJECTED,
    SELL,
    Order,
)
from supreme_system_v5.core.domain.ports import Venue
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.booking import Booking
from supreme_system_v5.core.matching.latency import Inbox
from supreme_system_v5.core.matching.liquidity import ViewLiquidity
from supreme_system_v5.core.matching.matcher import Matcher
from supreme_system_v5.core.matching.working import WorkingOrder, is_supported

STALE_AFTER_MS: Final = 5_000
NEVER_E8: Final = 1 << 62


class PaperVenue(Venue):
    """Fills orders on paper against the live market view. Not thread-safe; one account, one symbol.

    A quote older than ``stale_after_ms`` (0 = never) is no quote: an order waits for the next one, or for a REST book.
    """

    def __init__(
        self,
        instrument: Instrument,
        view: MarketView,
        latency_ms: int,
        taker_fee_e8: int,
        maker_fee_e8: int,
        stale_after_ms: int = STALE_AFTER_MS,
    ) -> None:
        super().__init__()
        self.instrument = instrument
        self.view = view
        self._stale_after_ns: i64 = stale_after_ms * NS_PER_MS
        self._booking = Booking(instrument, taker_fee_e8, maker_fee_e8)
        self._inbox = Inbox(latency_ms)
        self._liquidity = ViewLiquidity(view)
        self._taken = self._liquidity.taken
        self._outbox: list[ExecutionReport] = []  # what place_protection has to say
        self._waiting: list[WorkingOrder] = []  # arrived while there was no quote
        self._matcher = Matcher(instrument, self._liquidity, self._booking, True)
        self._makers = self._matcher.resting
        self._last_trade_id: i64 = -1

    # ---- what the driver sends

    def submit(self, order: Order, time_ns: i64) -> None:
        """Send an order at engine time ``time_ns``. Raises ValueError when one of that id is alive already."""
        if self._find(order.client_order_id) is not None:
            raise ValueError(f"client order id is in use: {order.client_order_id}")
        self._inbox.send(WorkingOrder(order), "", time_ns)
        self._wake()

    def cancel(self, client_order_id: str, time_ns: i64) -> None:
        """Send a cancel; it arrives like an order does, and says nothing when the order is done by then."""
        self._inbox.send(None, client_order_id, time_ns)
        self._wake()

    def place_protection(self, stop: Order, target: Order, time_ns: i64) -> None:
        """Rest stop and target at once, sized to the position, in the place of any others.

        Their OPEN (or, without a position, REJECTED) reports come with the next ``advance``.
        """
        self._wake()
        pair = [WorkingOrder(stop), WorkingOrder(target)]
        if self._booking.reducible_e8(pair[0].side) == 0 or pair[0].side != pair[1].side:
            for order in pair:
                self._outbox.append(order.report(time_ns, REJECTED, "reduce_only"))
            return
        self._booking.replace_protection(pair, "replaced", time_ns, self._outbox)
        for order in pair:
            report = order.report(time_ns, PARTIALLY_FILLED if order.filled_e8 > 0 else OPEN, "")
            report.protected_quantity_e8 = order.remaining_e8
            self._outbox.append(report)

    def set_position(self, position_e8: int) -> None:
        """The signed position at the start (from the journal), or after the books moved dust out of it."""
        self._booking.position_e8 = position_e8

    @property
    def position_e8(self) -> int:
        """The signed position by the venue's own fills; 0 when only dust is left."""
        return int(self._booking.position_e8)

    @property
    def protected_e8(self) -> int:
        """The quantity stop and target rest with."""
        return int(self._booking.protected_e8())

    def open_orders(self) -> list[Order]:
        """The orders that have arrived and are not done (fresh copies): protection, waiting, resting."""
        return [order.as_order() for order in self._alive()]

    # ---- the Venue port

    def next_ns(self) -> i64:
        if self._outbox:
            return self._outbox[0].time_ns
        return self._inbox.next_ns()

    def is_active(self) -> bool:
        """True while anything rests, waits or is on its way, or while liquidity we took must be remembered."""
        return bool(
            self._inbox.arrivals
            or self._outbox
            or self._booking.protection
            or self._waiting
            or not self._makers.is_empty
            or not self._taken.is_empty
        )

    def advance(self, time_ns: i64) -> list[ExecutionReport]:
        reports = self._outbox
        self._outbox = []
        self._booking.reports = reports
        while True:
            arrival = self._inbox.take(time_ns)
            if arrival is None:
                self._rest()
                return reports
            if arrival.order is None:
                self._cancel(arrival.cancel_id, arrival.time_ns, reports)
            else:
                self._arrive(arrival.order, arrival.time_ns, reports)
            self._tidy(arrival.time_ns, reports)

    def on_market(self, event: Event) -> list[ExecutionReport]:
        reports: list[ExecutionReport] = []
        self._booking.reports = reports
        kind = event.kind
        if kind == KIND_QUOTE:
            self._liquidity.on_event(event)
            self._work(event.time_ns, None, reports)
            self._makers.on_levels(True, event.time_ns)
        elif kind == KIND_TRADE:
            assert isinstance(event, Trade)
            if self.view.is_derived:
                self._liquidity.on_event(event)
            self._on_trade(event, reports)
        elif kind == KIND_DEPTH:
            self._liquidity.on_event(event)
            self._work(event.time_ns, None, reports)
            self._makers.on_levels(False, event.time_ns)
        elif kind == KIND_SNAPSHOT:
            assert isinstance(event, BookSnapshot)
            self._liquidity.on_event(event)
            self._work(event.time_ns, event, reports)
            self._makers.on_levels(False, event.time_ns)
        if reports:
            self._tidy(event.time_ns, reports)
        self._rest()
        return reports

    def _wake(self) -> None:
        """Something is on its way."""
        self.has_work = True
        self.quiet_high_e8 = 0

    def _rest(self) -> None:
        """Note whether there is work, and between which prices a trade would trigger nothing."""
        self.has_work = self.is_active()
        self.quiet_high_e8 = 0
        if not self._booking.protection or self._inbox.arrivals or self._outbox or self._waiting:
            return
        if not self._makers.is_empty or not self._taken.is_empty:
            return
        low_e8: i64 = 0
        high_e8: i64 = NEVER_E8
        for order in self._booking.protection:
            if order.is_triggered or order.is_done:
                return
            if order.is_crossed_by(NEVER_E8):  # triggers above
                high_e8 = min(high_e8, order.trigger_e8)
            else:
                low_e8 = max(low_e8, order.trigger_e8)
        self.quiet_low_e8 = low_e8
        self.quiet_high_e8 = high_e8

    def state(self) -> list[object]:
        """Everything that determines the future, in canonical order, for the digest."""
        fields: list[object] = [int(self._booking.position_e8), int(self._last_trade_id), len(self._inbox.arrivals)]
        for arrival in self._inbox.arrivals:
            fields.extend([int(arrival.time_ns), arrival.cancel_id])
            if arrival.order is not None:
                fields.extend(arrival.order.state())
        for orders in (self._booking.protection, self._waiting, self._resting()):
            fields.append(len(orders))
            for order in orders:
                fields.extend(order.state())
        fields.append(len(self._outbox))
        for report in self._outbox:
            fields.extend([int(report.time_ns), report.client_order_id, report.order_state])
        fields.extend(self._taken.state())
        return fields

    # ---- arrivals

    def _arrive(self, order: WorkingOrder, time_ns: i64, reports: list[ExecutionReport]) -> None:
        if not is_supported(order):
            self._reject(order, "order_type", time_ns, reports)
        elif order.is_reduce_only and self._booking.reducible_e8(order.side) == 0:
            self._reject(order, "reduce_only", time_ns, reports)
        elif self._booking.is_spot and order.side == SELL and order.remaining_e8 > self._booking.position_e8:
            self._reject(order, "insufficient_balance", time_ns, reports)
        elif self._check(order, time_ns, reports):
            if self._has_quote(time_ns):
                self._enter(order, None, time_ns, reports)
            elif order.is_reduce_only or order.may_rest:
                self._waiting.append(order)
                reports.append(order.report(time_ns, OPEN, "waiting_for_quote"))
            else:
                order.is_done = True
                reports.append(order.report(time_ns, EXPIRED, "no_quote"))

    def _check(self, order: WorkingOrder, time_ns: i64, reports: list[ExecutionReport]) -> bool:
        """The venue's filters; False when they rejected the order. Put off while there is no price to judge by."""
        price_e8 = order.price_e8
        if order.order_type == MARKET:
            price_e8 = self._reference_e8(order.side)
            if price_e8 == 0:
                return True
        order.is_checked = True
        fault = self.instrument.order_fault(
            int(order.quantity_e8), int(price_e8), order.order_type == MARKET, order.is_reduce_only
        )
        if fault != "":
            self._reject(order, fault, time_ns, reports)
            return False
        return True

    def _reference_e8(self, side: i64) -> i64:
        view = self.view
        best_e8 = view.ask_e8 if side == BUY else view.bid_e8
        if best_e8 > 0:
            return best_e8
        return view.last_trade_e8 if view.last_trade_e8 > 0 else view.mark_e8

    def _has_quote(self, time_ns: i64) -> bool:
        view = self.view
        if view.bid_e8 <= 0 or view.ask_e8 <= 0:
            return False
        return self._stale_after_ns == 0 or time_ns - view.quote_ns <= self._stale_after_ns

    def _enter(
        self, order: WorkingOrder, snapshot: BookSnapshot | None, time_ns: i64, reports: list[ExecutionReport]
    ) -> None:
        """The order meets the market: it takes what it may, then ends, or rests as a maker."""
        if not order.is_checked and not self._check(order, time_ns, reports):
            return
        if order.order_type == LIMIT_MAKER:
            best_e8 = self.view.ask_e8 if order.side == BUY else self.view.bid_e8
            if (order.price_e8 - best_e8) * order.side >= 0:
                self._reject(order, "would_take", time_ns, reports)
                return
        else:
            self._take(order, snapshot, time_ns)
        if order.is_done:
            return
        if order.may_rest:
            self._makers.add(order)
            if order.filled_e8 == 0:
                reports.append(order.report(time_ns, OPEN, ""))
            return
        reason = "no_liquidity"
        if self._booking.allowed_e8(order, order.price_e8) == 0:
            reason = "reduce_only"
        elif order.order_type == LIMIT:
            reason = "ioc_remainder"
        self._end(order, EXPIRED, reason, time_ns, reports)

    def _take(self, order: WorkingOrder, snapshot: BookSnapshot | None, time_ns: i64) -> None:
        """Fill what the market offers now; from the snapshot, where there is one."""
        self._liquidity.snapshot = snapshot
        self._matcher.take(order, time_ns)
        self._liquidity.snapshot = None

    def _cancel(self, client_order_id: str, time_ns: i64, reports: list[ExecutionReport]) -> None:
        for order in self._alive():
            if order.client_order_id == client_order_id:
                if order in self._booking.protection:
                    self._booking.protection.remove(order)
                self._end(order, CANCELED, "canceled", time_ns, reports)
                return

    # ---- market events

    def _on_trade(self, trade: Trade, reports: list[ExecutionReport]) -> None:
        if trade.trade_id != self.view.last_trade_id or trade.trade_id == self._last_trade_id:
            return  # older than what the view knows, or seen before: it triggers and fills nothing
        self._last_trade_id = trade.trade_id
        for order in self._booking.protection:
            if not order.is_triggered and order.is_crossed_by(trade.price_e8):
                order.is_triggered = True
        # A price passes the resting orders before it reaches a trigger. What they bring is not triggered by this trade.
        self._makers.on_trade(trade)
        self._work(trade.time_ns, None, reports)

    def _work(self, time_ns: i64, snapshot: BookSnapshot | None, reports: list[ExecutionReport]) -> None:
        """Go on with what is triggered and what waits; from the snapshot itself only where the quotes are silent."""
        if not self._booking.protection and not self._waiting:
            return
        has_quote = self._has_quote(time_ns)
        if has_quote:
            snapshot = None
        elif snapshot is None or snapshot.last_update_id < self.view.quote_update_id:
            return  # nothing fresher than the old quote
        for order in list(self._booking.protection):  # the stop first
            if order.is_triggered and not order.is_done:
                self._take(order, snapshot, time_ns)
        waiting = self._waiting
        self._waiting = []
        for order in waiting:
            if order.may_rest and not has_quote:
                self._waiting.append(order)
            else:
                self._enter(order, snapshot, time_ns, reports)

    # ---- ends

    def _reject(self, order: WorkingOrder, reason: str, time_ns: i64, reports: list[ExecutionReport]) -> None:
        order.is_done = True
        reports.append(order.report(time_ns, REJECTED, reason))

    def _end(
        self, order: WorkingOrder, order_state: str, reason: str, time_ns: i64, reports: list[ExecutionReport]
    ) -> None:
        order.is_done = True
        report = order.report(time_ns, order_state, reason)
        report.protected_quantity_e8 = self._booking.protected_e8()
        reports.append(report)

    def _tidy(self, time_ns: i64, reports: list[ExecutionReport]) -> None:
        """Let go of what is done, of reduce-only orders with nothing to reduce, of entries whose round is over."""
        for orders in (self._waiting, self._resting()):
            for order in list(orders):
                if not order.is_done and order.is_reduce_only and self._booking.reducible_e8(order.side) == 0:
                    self._end(order, EXPIRED, "reduce_only", time_ns, reports)
                elif not order.is_done and order.was_protected and self._booking.position_e8 == 0:
                    self._end(order, CANCELED, "position_closed", time_ns, reports)
                if order.is_done:
                    self._waiting = [one for one in self._waiting if one is not order]
                    self._makers.remove(order)

    def _alive(self) -> list[WorkingOrder]:
        return self._booking.protection + self._waiting + self._resting()

    def _resting(self) -> list[WorkingOrder]:
        return [order for order in self._makers.all() if isinstance(order, WorkingOrder)]

    def _find(self, client_order_id: str) -> WorkingOrder | None:
        for order in self._alive():
            if order.client_order_id == client_order_id:
                return order
        for arrival in self._inbox.arrivals:
            if arrival.order is not None and arrival.order.client_order_id == client_order_id:
                return arrival.order
        return None
