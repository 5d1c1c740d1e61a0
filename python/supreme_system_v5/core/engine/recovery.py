"""What a restart gives the engine back, and what it makes of orders that were under way."""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import Effect, OrderRecord
from supreme_system_v5.core.domain.errors import BooksError
from supreme_system_v5.core.domain.order import (
    CANCELED,
    GTC,
    MARKET,
    OPEN,
    ROLE_EXIT,
    ROLE_STOP,
    ROLE_TARGET,
    STOP_MARKET,
    TAKE_PROFIT_MARKET,
    Order,
)
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.state import Position


class SavedState:
    """What the journal kept of this account."""

    def __init__(self, ledger: Ledger, next_sequence: int) -> None:
        self.ledger = ledger
        self.next_sequence = next_sequence
        self.position: dict[str, object] = {}
        self.open_orders: list[Order] = []
        self.state: dict[str, str] = {}
        self.results_e8: list[int] = []  # net results of the last closed trades, oldest first
        self.trades_closed = 0
        self.last_price_e8 = 0
        self.last_time_ns: i64 = 0
        self.last_funding_ms: i64 = 0


def restore(engine: Engine, saved: SavedState) -> list[Effect]:
    """Give the engine its past. Returns the records that settle orders which never got an answer (paper: CANCELED).

    Raises BooksError when ledger and position contradict each other.
    """
    state = engine.state
    state.ledger = saved.ledger
    state.next_sequence = max(saved.next_sequence, 1)
    state.trades_closed = saved.trades_closed
    engine.watch.last_funding_ms = saved.last_funding_ms
    for result_e8 in saved.results_e8:
        engine.risk.performance.add(result_e8)
    for breaker in engine.risk.breakers:
        text = saved.state.get(f"breaker:{breaker.name}")
        if text:
            breaker.restore(text)
    day = saved.state.get("day")
    if day:
        engine.day.restore(day)
    if state.ledger.identity_gap_e8() != 0:
        raise BooksError("the journal's ledger does not add up", "restore a backup from state/backup")
    if (state.ledger.position_e8 == 0) != (len(saved.position) == 0):
        raise BooksError("the journal's ledger and position disagree", "restore a backup from state/backup")
    kept: set[str] = set()
    if saved.position:
        position = _position(saved.position)
        state.position = position
        _rest(engine, position)
        kept = {position.stop_order_id, position.target_order_id}
    effects: list[Effect] = []
    for order in saved.open_orders:
        if order.client_order_id not in kept:
            order.state = CANCELED
            effects.append(OrderRecord(order, int(saved.last_time_ns)))
    return effects


def exit_order(engine: Engine, reason: str) -> Order:
    """A market order of the open position, known to the engine, for an exit that happened without it (downtime)."""
    state = engine.state
    position = state.position
    assert position is not None
    order = Order(
        state.allocate_order_id(),
        ROLE_EXIT,
        -position.side,
        MARKET,
        GTC,
        state.instrument.quantity_down(abs(state.ledger.position_e8)),
        0,
        0,
        True,
        position.timeout_ns,
        reason,
    )
    state.orders[order.client_order_id] = order
    return order


def _number(fields: dict[str, object], key: str) -> int:
    value = fields.get(key, 0)
    return int(value) if isinstance(value, (int, str)) else 0


def _position(fields: dict[str, object]) -> Position:
    position = Position(
        _number(fields, "side"),
        str(fields["entry_order_id"]),
        _number(fields, "opened_ns"),
        _number(fields, "timeout_ns"),
    )
    position.stop_order_id = str(fields["stop_order_id"])
    position.stop_trigger_e8 = _number(fields, "stop_trigger_e8")
    position.target_order_id = str(fields["target_order_id"])
    position.target_trigger_e8 = _number(fields, "target_trigger_e8")
    position.entry_quantity_e8 = _number(fields, "entry_quantity_e8")
    position.entry_notional_e8 = _number(fields, "entry_notional_e8")
    position.exit_quantity_e8 = _number(fields, "exit_quantity_e8")
    position.exit_notional_e8 = _number(fields, "exit_notional_e8")
    position.fees_e8 = _number(fields, "fees_e8")
    position.funding_e8 = _number(fields, "funding_e8")
    position.realized_e8 = _number(fields, "realized_e8")
    return position


def _rest(engine: Engine, position: Position) -> None:
    """The stop and target that rest at the venue, as open orders of ours."""
    state = engine.state
    quantity_e8 = state.instrument.quantity_down(abs(state.ledger.position_e8))
    position.protected_e8 = quantity_e8
    for order_id, role, order_type, trigger_e8 in (
        (position.stop_order_id, ROLE_STOP, STOP_MARKET, position.stop_trigger_e8),
        (position.target_order_id, ROLE_TARGET, TAKE_PROFIT_MARKET, position.target_trigger_e8),
    ):
        order = Order(
            order_id, role, -position.side, order_type, GTC, quantity_e8, 0, trigger_e8, True, position.opened_ns, role
        )
        order.state = OPEN
        state.orders[order_id] = order
