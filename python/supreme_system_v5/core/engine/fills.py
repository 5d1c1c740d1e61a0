"""A fill's arithmetic: the ledger and the position after it, done once, first journalled and then applied."""

from __future__ import annotations

from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import TradeRecord
from supreme_system_v5.core.domain.errors import BooksError
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import NS_PER_SECOND
from supreme_system_v5.core.domain.money import E8, format_e8, multiply_e8
from supreme_system_v5.core.domain.order import ROLE_ENTRY, ROLE_EXIT, Order, side_name
from supreme_system_v5.core.engine.state import EngineState, Position


class PreparedFill:
    """What a fill makes of the books."""

    def __init__(self, report: ExecutionReport, order: Order, ledger: Ledger, position: Position | None) -> None:
        self.report = report
        self.order = order
        self.ledger = ledger
        self.position = position  # after the fill; None when flat
        self.closed: TradeRecord | None = None


def prepare_fill(state: EngineState, report: ExecutionReport, order: Order) -> PreparedFill:
    """The books after this fill of an order of ours; changes nothing. Raises BooksError when they do not add up."""
    quantity_e8 = int(report.last_quantity_e8)
    price_e8 = int(report.last_price_e8)
    before = state.ledger
    ledger = before.after_fill(order.side, quantity_e8, price_e8, int(report.fee_quote_e8), int(report.fee_base_e8))
    position = state.position.copy() if state.position is not None else _open_position(state, order, report)
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
        _protect(state, position, report, ledger)
    is_reducing = order.side != position.side
    if is_reducing and ledger.position_e8 != 0 and state.instrument.is_dust(ledger.position_e8, price_e8):
        ledger = ledger.with_dust()
    if ledger.identity_gap_e8() != 0:
        raise BooksError(f"the ledger does not add up after fill {report.execution_id}: {ledger.fields()}")
    prepared = PreparedFill(report, order, ledger, position)
    if ledger.position_e8 == 0:
        reason = order.reason if order.role == ROLE_EXIT else order.role
        prepared.closed = closed_trade(state, position, reason, int(report.time_ns))
        prepared.position = None
    return prepared


def _open_position(state: EngineState, order: Order, report: ExecutionReport) -> Position:
    time_ns = int(report.time_ns)
    timeout_ns = time_ns + int(state.parameters.position_timeout_minutes * 60 * NS_PER_SECOND)
    position = Position(order.side, order.client_order_id, time_ns, timeout_ns)
    position.stop_order_id = order.stop_order_id
    position.stop_trigger_e8 = order.stop_trigger_e8
    position.target_order_id = order.target_order_id
    position.target_trigger_e8 = order.target_trigger_e8
    if order.role != ROLE_ENTRY:
        position.unprotected_since_ns = time_ns  # no order of ours should have done this, and nothing protects it
    return position


def _protect(state: EngineState, position: Position, report: ExecutionReport, ledger: Ledger) -> None:
    position.protected_e8 = int(report.protected_quantity_e8)
    held_e8 = state.instrument.quantity_down(abs(ledger.position_e8))
    if position.protected_e8 >= held_e8:
        position.unprotected_since_ns = 0
    elif position.unprotected_since_ns == 0:
        position.unprotected_since_ns = int(report.time_ns)


def closed_trade(state: EngineState, position: Position, reason: str, time_ns: int) -> TradeRecord:
    """The round trip that has just ended. Without an exit (all of it became dust) the exit price is the entry's."""
    entry_e8 = position.entry_notional_e8 * E8 // max(position.entry_quantity_e8, 1)
    exit_e8 = position.exit_notional_e8 * E8 // position.exit_quantity_e8 if position.exit_quantity_e8 > 0 else entry_e8
    gross_e8 = position.realized_e8
    return TradeRecord(
        position.entry_order_id,
        position.side,
        position.opened_ns,
        time_ns,
        position.entry_quantity_e8,
        entry_e8,
        exit_e8,
        gross_e8,
        position.fees_e8,
        position.funding_e8,
        gross_e8 - position.fees_e8 + position.funding_e8,
        reason,
        state.parameters.strategy,
        state.parameters.is_simulated,
        position.is_while_down,
        position.is_forced_mark,
    )


def fill_line(order: Order, report: ExecutionReport, instrument: Instrument) -> str:
    """The fill as the person watching sees it."""
    text = (
        f"{order.role.upper()} {side_name(order.side)} {format_e8(int(report.last_quantity_e8), 4)}"
        f" @ {format_e8(int(report.last_price_e8), 2)}"
    )
    if report.fee_quote_e8 > 0:
        text += f" fee {format_e8(int(report.fee_quote_e8), 4)} {instrument.quote_asset}"
    elif report.fee_base_e8 > 0:
        text += f" fee {format_e8(int(report.fee_base_e8), 8)} {instrument.base_asset}"
    if order.role == ROLE_ENTRY:
        text += f" stop {format_e8(order.stop_trigger_e8, 2)} target {format_e8(order.target_trigger_e8, 2)}"
    elif order.reason and order.reason != order.role:
        text += f" ({order.reason})"
    return text
