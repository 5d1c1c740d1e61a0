"""Orders and the position: entries, exits, what the venue reports, and the books after each fill."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import (
    CancelOrder,
    Effect,
    FillRecord,
    OrderRecord,
    RequestBook,
    StateRecord,
    SubmitOrder,
    TradeRecord,
)
from supreme_system_v5.core.domain.errors import BooksError
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.market import NS_PER_SECOND
from supreme_system_v5.core.domain.money import E8, format_e8, multiply_e8
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
    side_name,
)
from supreme_system_v5.core.engine.schedule import TIMER_EXIT_RETRY, TIMER_TIMEOUT
from supreme_system_v5.core.engine.state import EngineState, Position
from supreme_system_v5.core.risk.manager import RiskManager, Verdict

ENTRY_TIMES_MAX: Final = 600
EXIT_RETRY_NS: Final = NS_PER_SECOND


class PreparedFill:
    """A fill's arithmetic, done once: first journalled, then applied."""

    def __init__(self, report: ExecutionReport, order: Order, ledger: Ledger, position: Position | None) -> None:
        self.report = report
        self.order = order
        self.ledger = ledger
        self.position = position  # after the fill; None when flat
        self.closed: TradeRecord | None = None


class Desk:
    """Sends orders and keeps the books."""

    def __init__(self, state: EngineState, risk: RiskManager) -> None:
        self.state = state
        self.risk = risk
        self._entry_times_ns: list[int] = []
        self._prepared: PreparedFill | None = None
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
        if self.working(ROLE_EXIT) is not None:
            return
        quantity_e8 = state.instrument.quantity_down(abs(state.ledger.position_e8))
        if quantity_e8 <= 0:
            return
        if state.view.bid_e8 <= 0 or state.view.ask_e8 <= 0:
            # Nothing executable is known: have a book fetched; the order works until there is a quote.
            state.emit(RequestBook(int(state.now_ns), "exit"))
        self._send(
            Order(
                state.allocate_order_id(),
                ROLE_EXIT,
                -state.position.side,
                MARKET,
                GTC,
                quantity_e8,
                0,
                0,
                True,
                int(state.now_ns),
                self.wanted_exit,
            )
        )

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
        if order is None:
            return []
        if report.last_quantity_e8 <= 0:
            copy = OrderRecord(order, int(report.time_ns))
            copy.state = report.order_state
            return [copy]
        prepared = self._prepare_fill(report, order)
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

    def _prepare_fill(self, report: ExecutionReport, order: Order) -> PreparedFill:
        state = self.state
        quantity_e8 = int(report.last_quantity_e8)
        price_e8 = int(report.last_price_e8)
        before = state.ledger
        ledger = before.after_fill(order.side, quantity_e8, price_e8, int(report.fee_quote_e8), int(report.fee_base_e8))
        position = state.position.copy() if state.position is not None else None
        if position is None:
            position = self._open_position(order, int(report.time_ns))
        position.fees_e8 += ledger.fees_e8 - before.fees_e8
        position.realized_e8 += ledger.realized_e8 - before.realized_e8
        notional_e8 = multiply_e8(quantity_e8, price_e8)
        if order.side == position.side:
            position.entry_quantity_e8 += quantity_e8
            position.entry_notional_e8 += notional_e8
        else:
            position.exit_quantity_e8 += quantity_e8
            position.exit_notional_e8 += notional_e8
        position.is_forced_mark = position.is_forced_mark or report.is_forced_mark
        position.is_while_down = position.is_while_down or report.is_while_down
        if order.role == ROLE_ENTRY:
            self._protect(position, report, ledger)
        is_exit_done = order.side != position.side
        if ledger.position_e8 != 0 and is_exit_done and state.instrument.is_dust(ledger.position_e8, price_e8):
            ledger = ledger.with_dust()
        if ledger.identity_gap_e8() != 0:
            raise BooksError(f"the ledger does not add up after fill {report.execution_id}: {ledger.fields()}")
        prepared = PreparedFill(report, order, ledger, position)
        if ledger.position_e8 == 0:
            prepared.closed = self._closed_trade(position, order, report)
            prepared.position = None
        return prepared

    def _open_position(self, order: Order, time_ns: int) -> Position:
        timeout_ns = time_ns + int(self.state.parameters.position_timeout_minutes * 60 * NS_PER_SECOND)
        position = Position(order.side, order.client_order_id, time_ns, timeout_ns)
        position.stop_order_id = order.stop_order_id
        position.stop_trigger_e8 = order.stop_trigger_e8
        position.target_order_id = order.target_order_id
        position.target_trigger_e8 = order.target_trigger_e8
        return position

    def _protect(self, position: Position, report: ExecutionReport, ledger: Ledger) -> None:
        position.protected_e8 = int(report.protected_quantity_e8)
        held_e8 = self.state.instrument.quantity_down(abs(ledger.position_e8))
        if position.protected_e8 >= held_e8:
            position.unprotected_since_ns = 0
        elif position.unprotected_since_ns == 0:
            position.unprotected_since_ns = int(report.time_ns)

    def _closed_trade(self, position: Position, order: Order, report: ExecutionReport) -> TradeRecord:
        entry_e8 = position.entry_notional_e8 * E8 // max(position.entry_quantity_e8, 1)
        exit_e8 = position.exit_notional_e8 * E8 // max(position.exit_quantity_e8, 1)
        gross_e8 = position.realized_e8
        return TradeRecord(
            position.entry_order_id,
            position.side,
            position.opened_ns,
            int(report.time_ns),
            position.entry_quantity_e8,
            entry_e8,
            exit_e8,
            gross_e8,
            position.fees_e8,
            position.funding_e8,
            gross_e8 - position.fees_e8 + position.funding_e8,
            self.wanted_exit or order.role,
            self.state.parameters.strategy,
            self.state.parameters.is_simulated,
            position.is_while_down,
            position.is_forced_mark,
        )

    def on_report(self, report: ExecutionReport) -> None:
        """Apply a report that the journal already holds."""
        state = self.state
        order = state.orders.get(report.client_order_id)
        if order is None:
            state.decide("mode", "unknown_order_report", f"{report.client_order_id} {report.order_state}")
            return
        prepared = self._prepared
        self._prepared = None
        order.move_to(report.order_state)
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
        state.ledger = prepared.ledger
        state.position = prepared.position
        position = prepared.position
        state.announce("trade", self._fill_line(order, report))
        if position is not None:
            if is_opening:
                state.schedule.set(TIMER_TIMEOUT, position.timeout_ns)
            if order.role == ROLE_ENTRY:
                self._track_protection(position)
        elif prepared.closed is not None:
            self._on_closed(prepared.closed)

    def _fill_line(self, order: Order, report: ExecutionReport) -> str:
        text = (
            f"{order.role.upper()} {side_name(order.side)} {format_e8(int(report.last_quantity_e8), 4)}"
            f" @ {format_e8(int(report.last_price_e8), 2)}"
        )
        if report.fee_quote_e8 > 0:
            text += f" fee {format_e8(int(report.fee_quote_e8), 4)} {self.state.instrument.quote_asset}"
        elif report.fee_base_e8 > 0:
            text += f" fee {format_e8(int(report.fee_base_e8), 8)} {self.state.instrument.base_asset}"
        if order.role == ROLE_ENTRY:
            text += f" stop {format_e8(order.stop_trigger_e8, 2)} target {format_e8(order.target_trigger_e8, 2)}"
        elif order.reason and order.reason != order.role:
            text += f" ({order.reason})"
        return text

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
        order.quantity_e8 = position.protected_e8
        self.state.emit(OrderRecord(order, int(self.state.now_ns)))

    def _on_closed(self, closed: TradeRecord) -> None:
        state = self.state
        self.wanted_exit = ""
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
            self.risk.on_entry_failed()
            state.announce("trade", f"ENTRY not filled: {report.order_state} {report.reason}".rstrip())
            return
        if state.position is None:
            return
        if order.role == ROLE_EXIT:
            state.schedule.set(TIMER_EXIT_RETRY, int(state.now_ns) + EXIT_RETRY_NS)
        elif order.role == ROLE_STOP:
            # The stop is gone and the position is not: nothing protects it, so close it.
            state.position.protected_e8 = 0
            state.position.unprotected_since_ns = int(state.now_ns)
            self.exit("stop_lost")

    def on_exit_retry(self) -> None:
        if self.state.position is not None and self.wanted_exit:
            self.exit(self.wanted_exit)
