"""Orders and the position: entries, exits, what the venue reports, and the books after each fill."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.core.domain.effects import (
    BooksRecord,
    CancelOrder,
    Effect,
    FillRecord,
    OrderRecord,
    StateRecord,
    SubmitOrder,
    TradeRecord,
)
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.market import NS_PER_SECOND
from supreme_system_v5.core.domain.money import format_e8
from supreme_system_v5.core.domain.order import (
    BUY,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    ROLE_ENTRY,
    ROLE_EXIT,
    ROLE_STOP,
    ROLE_TARGET,
    STOP_MARKET,
    TAKE_PROFIT_MARKET,
    Order,
)
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.engine.fills import PreparedFill, closed_trade, fill_line, prepare_fill
from supreme_system_v5.core.engine.schedule import TIMER_EXIT_RETRY, TIMER_TIMEOUT
from supreme_system_v5.core.engine.state import EngineState, Position
from supreme_system_v5.core.risk.manager import RiskManager, Verdict

ENTRY_TIMES_MAX: Final = 600
EXIT_RETRY_NS: Final = NS_PER_SECOND


class Desk:
    """Sends orders and keeps the books."""

    def __init__(self, state: EngineState, risk: RiskManager) -> None:
        self.state = state
        self.risk = risk
        self._stale_ns = int(state.parameters.stale_after_seconds * NS_PER_SECOND)
        self._entry_times_ns: list[int] = []
        self._prepared: PreparedFill | None = None
        self._executions: set[str] = set()  # fills booked since we were last flat: a repeated one is not booked twice
        self.wanted_exit = ""  # the reason for which the position must be closed; sticky until flat

    # -- intents --------------------------------------------------------------------------------------------------

    def has_exposure(self) -> bool:
        return self.state.position is not None or self.working(ROLE_ENTRY) is not None

    def working(self, role: str) -> Order | None:
        """The open order of a role, if there is one."""
        for order in self.state.orders.values():
            if order.role == role and order.is_open:
                return order
        return None

    def is_awaiting_answer(self) -> bool:
        """True while any order is open but the stop and target that protect a position."""
        is_flat = self.state.position is None
        return any(
            order.is_open and (is_flat or order.role not in (ROLE_STOP, ROLE_TARGET))
            for order in self.state.orders.values()
        )

    def orders_last_minute(self) -> int:
        since_ns = int(self.state.now_ns) - 60 * NS_PER_SECOND
        while self._entry_times_ns and self._entry_times_ns[0] <= since_ns:
            self._entry_times_ns.pop(0)
        return len(self._entry_times_ns)

    def enter(self, side: int, verdict: Verdict, reason: str) -> None:
        """Send the approved entry with its protection attached; the intent goes to the journal first."""
        state = self.state
        now_ns = int(state.now_ns)
        order = Order(
            state.allocate_order_id(),
            ROLE_ENTRY,
            side,
            LIMIT,
            IOC,
            verdict.quantity_e8,
            verdict.limit_e8,
            0,
            False,
            now_ns,
            reason,
        )
        order.stop_order_id = state.allocate_order_id()
        order.stop_trigger_e8 = verdict.stop_e8
        order.target_order_id = state.allocate_order_id()
        order.target_trigger_e8 = verdict.target_e8
        if len(self._entry_times_ns) < ENTRY_TIMES_MAX:
            self._entry_times_ns.append(now_ns)
        self._send(order)

    def exit(self, reason: str) -> None:
        """Close the position with a reduce-only market order; repeated until flat. Never refused."""
        state = self.state
        if state.position is None:
            return
        if not self.wanted_exit:
            self.wanted_exit = reason
            state.decide("exit", reason, "")
        if self.working(ROLE_EXIT) is not None or self.settle_dust():
            return
        if state.schedule.due_ns(TIMER_EXIT_RETRY) != NEVER_NS:
            return  # the last attempt has just failed: the next one is on its timer, not on every event
        if not self._has_fresh_quote():
            # Nothing executable is known: have a book fetched; the order works until there is a quote.
            state.request_book("exit")
        self.cancel_entries("exit")
        self._send(
            Order(
                state.allocate_order_id(),
                ROLE_EXIT,
                -state.position.side,
                MARKET,
                GTC,
                state.instrument.quantity_down(abs(state.ledger.position_e8)),
                0,
                0,
                True,
                int(state.now_ns),
                self.wanted_exit,
            )
        )

    def _has_fresh_quote(self) -> bool:
        view = self.state.view
        return view.bid_e8 > 0 and view.ask_e8 > 0 and self.state.now_ns - view.quote_ns <= self._stale_ns

    def settle_dust(self) -> bool:
        """Move a position too small for any order that closes it to the dust line: it counts as flat. True if so.

        Not while its entry may still fill. The stop and target are cancelled, the venue is told by the pump.
        """
        state = self.state
        position = state.position
        if position is None or self.working(ROLE_ENTRY) is not None:
            return False
        view = state.view
        price_e8 = int(view.bid_e8 if position.side == BUY else view.ask_e8)
        if not state.instrument.is_dust(state.ledger.position_e8, price_e8 if price_e8 > 0 else state.mark_e8()):
            return False
        now_ns = int(state.now_ns)
        state.digest.add(f"{now_ns} dust {state.ledger.position_e8}")
        state.ledger = state.ledger.with_dust()
        state.position = None
        state.is_venue_behind = True
        state.announce("trade", "the position is too small to be sold: it moves to the dust line and counts as flat")
        closed = closed_trade(state, position, "dust", now_ns)
        state.emit(BooksRecord(now_ns, state.ledger, {}, "dust"))
        state.emit(closed)
        self._on_closed(closed)
        return True

    def cancel_entries(self, reason: str) -> None:
        for order in list(self.state.orders.values()):
            if order.role == ROLE_ENTRY and order.is_open:
                self.state.emit(CancelOrder(order.client_order_id, int(self.state.now_ns), reason))

    def _send(self, order: Order) -> None:
        state = self.state
        state.orders[order.client_order_id] = order
        state.digest.add(
            f"{state.now_ns} order {order.client_order_id} {order.role} {order.side} {order.quantity_e8}"
            f" {order.price_e8} {order.stop_trigger_e8} {order.target_trigger_e8} {order.reason}"
        )
        state.emit(OrderRecord(order, int(state.now_ns)))
        state.emit(SubmitOrder(order, int(state.now_ns)))

    # -- reports --------------------------------------------------------------------------------------------------

    def prepare(self, report: ExecutionReport) -> list[Effect]:
        """What must be in the journal before the engine may know of this report."""
        self._prepared = None
        order = self.state.orders.get(report.client_order_id)
        if order is None or self._is_repeated(report):
            return []
        if report.last_quantity_e8 <= 0:
            copy = OrderRecord(order, int(report.time_ns))
            copy.state = report.order_state
            return [copy]
        prepared = prepare_fill(self.state, report, order)
        self._prepared = prepared
        copy = OrderRecord(order, int(report.time_ns))
        copy.state = report.order_state
        copy.filled_e8 = order.filled_e8 + int(report.last_quantity_e8)
        position: dict[str, object] = {} if prepared.position is None else prepared.position.fields(prepared.ledger)
        effects: list[Effect] = [
            FillRecord(report, copy, prepared.ledger, position, self.state.parameters.is_simulated)
        ]
        if prepared.closed is not None:
            effects.append(prepared.closed)
        return effects

    def _is_repeated(self, report: ExecutionReport) -> bool:
        return report.last_quantity_e8 > 0 and report.execution_id in self._executions

    def on_report(self, report: ExecutionReport) -> None:
        """Apply a report that the journal already holds."""
        state = self.state
        order = state.orders.get(report.client_order_id)
        if self._is_repeated(report):
            return
        if order is None:
            detail = f"{report.client_order_id} {report.order_state} {report.last_quantity_e8}"
            state.decide("mode", "unknown_order_report", detail)
            if report.last_quantity_e8 > 0:
                state.announce("warning", f"a fill of an order that is not ours was not booked: {detail}")
            return
        prepared = self._prepared
        self._prepared = None
        order.move_to(report.order_state)
        if not order.is_open:  # each order once, by how it ended
            state.order_states[report.order_state] = state.order_states.get(report.order_state, 0) + 1
        state.digest.add(
            f"{report.time_ns} report {report.client_order_id} {report.order_state} {report.last_quantity_e8}"
            f" {report.last_price_e8} {report.fee_quote_e8} {report.fee_base_e8}"
        )
        if prepared is not None:
            self._apply_fill(prepared)
        if not order.is_open:
            state.orders.pop(order.client_order_id, None)
            self._on_order_done(order, report)

    def _apply_fill(self, prepared: PreparedFill) -> None:
        state = self.state
        report = prepared.report
        order = prepared.order
        is_opening = state.position is None and prepared.position is not None
        order.filled_e8 += int(report.last_quantity_e8)
        self._executions.add(report.execution_id)
        state.ledger = prepared.ledger
        state.position = prepared.position
        position = prepared.position
        state.announce("trade", fill_line(order, report, state.instrument))
        if position is not None:
            if is_opening:
                state.schedule.set(TIMER_TIMEOUT, position.timeout_ns)
            if order.role == ROLE_ENTRY:
                self._track_protection(position)
        elif prepared.closed is not None:
            self._on_closed(prepared.closed)

    def _track_protection(self, position: Position) -> None:
        """The venue placed (or resized) stop and target with the entry's fill: know them by their ids."""
        self._track(position.stop_order_id, ROLE_STOP, STOP_MARKET, position.stop_trigger_e8, position)
        self._track(position.target_order_id, ROLE_TARGET, TAKE_PROFIT_MARKET, position.target_trigger_e8, position)

    def _track(self, order_id: str, role: str, order_type: str, trigger_e8: int, position: Position) -> None:
        if not order_id or position.protected_e8 <= 0:
            return
        order = self.state.orders.get(order_id)
        if order is None:
            order = Order(
                order_id,
                role,
                -position.side,
                order_type,
                GTC,
                position.protected_e8,
                0,
                trigger_e8,
                True,
                int(self.state.now_ns),
                role,
            )
            order.state = OPEN
            self.state.orders[order_id] = order
        order.quantity_e8 = order.filled_e8 + position.protected_e8
        self.state.emit(OrderRecord(order, int(self.state.now_ns)))

    def _on_closed(self, closed: TradeRecord) -> None:
        state = self.state
        self.wanted_exit = ""
        self._executions.clear()
        state.trades_closed += 1
        state.trades_session += 1
        state.schedule.clear(TIMER_TIMEOUT)
        state.schedule.clear(TIMER_EXIT_RETRY)
        state.digest.add(f"{closed.closed_ns} trade {closed.gross_e8} {closed.fees_e8} {closed.net_e8}")
        state.announce(
            "trade",
            f"CLOSED {'LONG' if closed.side == BUY else 'SHORT'} by {closed.exit_reason}:"
            f" gross {format_e8(closed.gross_e8, 4)} fees {format_e8(closed.fees_e8, 4)}"
            f" net {format_e8(closed.net_e8, 4)} {state.instrument.quote_asset}",
        )
        for order in list(state.orders.values()):
            if order.is_open and order.role != ROLE_ENTRY:
                state.emit(CancelOrder(order.client_order_id, int(state.now_ns), "flat"))
        for breaker in self.risk.on_trade_closed(state.now_ns, closed.net_e8):
            self.on_breaker_changed(breaker.name)

    def on_breaker_changed(self, name: str) -> None:
        breaker = self.risk.breaker(name)
        if breaker is None:
            return
        self.state.decide("breaker", name, f"{breaker.state} {breaker.reason}")
        self.state.emit(StateRecord(int(self.state.now_ns), f"breaker:{name}", breaker.to_json()))
        self.state.announce("mode", f"breaker {name}: {breaker.state} {breaker.reason}".rstrip())

    def _on_order_done(self, order: Order, report: ExecutionReport) -> None:
        state = self.state
        if order.role == ROLE_ENTRY and order.filled_e8 == 0:
            for breaker in self.risk.on_entry_failed():
                self.on_breaker_changed(breaker.name)
            state.announce("trade", f"ENTRY not filled: {report.order_state} {report.reason}".rstrip())
            return
        position = state.position
        if position is None:
            return
        if order.role == ROLE_ENTRY:
            self.settle_dust()
        elif order.role == ROLE_EXIT:
            state.schedule.set(TIMER_EXIT_RETRY, int(state.now_ns) + EXIT_RETRY_NS)
        elif order.role == ROLE_STOP:
            # The stop is gone and the position is not: nothing protects it, so close it.
            position.protected_e8 = 0
            position.unprotected_since_ns = int(state.now_ns)
            self.exit("stop_lost")

    def on_exit_retry(self) -> None:
        if self.state.position is not None and self.wanted_exit:
            self.exit(self.wanted_exit)
