"""What a restart gives the engine back, and what it makes of orders that were under way."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import Effect, OrderRecord
from supreme_system_v5.core.domain.errors import BooksError
from supreme_system_v5.core.domain.money import plain_e8
from supreme_system_v5.core.domain.order import (
    CANCELED,
    GTC,
    MARKET,
    OPEN,
    PARTIALLY_FILLED,
    ROLE_EXIT,
    ROLE_STOP,
    ROLE_TARGET,
    STOP_MARKET,
    TAKE_PROFIT_MARKET,
    Order,
)
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.state import Position

_REMEDY: Final = "restore a backup from state/backup"


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

    Raises BooksError when the saved state contradicts itself or cannot be read.
    """
    state = engine.state
    state.ledger = saved.ledger
    state.next_sequence = max(saved.next_sequence, 1)
    state.trades_closed = saved.trades_closed
    state.last_known_e8 = saved.last_price_e8
    engine.funding.last_funding_ms = int(saved.last_funding_ms)
    for result_e8 in saved.results_e8:
        engine.risk.performance.add(result_e8)
    try:
        _restore_words(engine, saved.state)
        position = _position(saved.position) if saved.position else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BooksError(f"the journal's saved state cannot be read: {error!r}", _REMEDY) from None
    _check(saved, position)
    state.position = position
    kept: set[str] = set()
    if position is not None:
        _rest(engine, position, saved.open_orders)
        kept = {position.stop_order_id, position.target_order_id}
    else:
        engine.risk.on_entry_failed()  # a probe whose entry got no answer came to nothing
    effects: list[Effect] = []
    for order in saved.open_orders:
        if order.client_order_id not in kept:
            order.state = CANCELED
            effects.append(OrderRecord(order, int(saved.last_time_ns)))
    return effects


def _restore_words(engine: Engine, words: dict[str, str]) -> None:
    """Breakers and the day. Raises ValueError, KeyError or TypeError for text that nobody here wrote."""
    for breaker in engine.risk.breakers:
        text = words.get(f"breaker:{breaker.name}")
        if text:
            breaker.restore(text)
    day = words.get("day")
    if day:
        engine.day.restore(day)


def _check(saved: SavedState, position: Position | None) -> None:
    held_e8 = saved.ledger.position_e8
    if saved.ledger.identity_gap_e8() != 0:
        raise BooksError("the journal's ledger does not add up", _REMEDY)
    if (held_e8 == 0) != (position is None):
        raise BooksError("the journal's ledger and position disagree: only one of them is flat", _REMEDY)
    if position is None:
        return
    if (position.side > 0) != (held_e8 > 0) or _number(saved.position, "quantity_e8") != abs(held_e8):
        raise BooksError(f"the journal's ledger holds {plain_e8(held_e8)}, its position another quantity", _REMEDY)
    if position.stop_trigger_e8 <= 0 or not position.stop_order_id:
        raise BooksError("the journal's position has no stop", _REMEDY)


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


def _rest(engine: Engine, position: Position, saved_orders: list[Order]) -> None:
    """The stop and target that rest at the venue, as open orders of ours, with what they had filled before."""
    state = engine.state
    quantity_e8 = state.instrument.quantity_down(abs(state.ledger.position_e8))
    position.protected_e8 = quantity_e8
    filled = {order.client_order_id: order.filled_e8 for order in saved_orders}
    for order_id, role, order_type, trigger_e8 in (
        (position.stop_order_id, ROLE_STOP, STOP_MARKET, position.stop_trigger_e8),
        (position.target_order_id, ROLE_TARGET, TAKE_PROFIT_MARKET, position.target_trigger_e8),
    ):
        order = Order(
            order_id, role, -position.side, order_type, GTC, quantity_e8, 0, trigger_e8, True, position.opened_ns, role
        )
        # An order that had filled in part numbers its next fill after those: no execution id comes twice.
        order.filled_e8 = filled.get(order_id, 0)
        order.quantity_e8 += order.filled_e8
        order.state = PARTIALLY_FILLED if order.filled_e8 > 0 else OPEN
        state.orders[order_id] = order
