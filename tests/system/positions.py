"""Leaving a position in a journal, as a session that was killed would have."""

from __future__ import annotations

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.words import AccountKey
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import FillRecord, OrderRecord
from supreme_system_v5.core.domain.events import ExecutionReport
from supreme_system_v5.core.domain.money import E8, multiply_e8
from supreme_system_v5.core.domain.order import FILLED, IOC, LIMIT, PENDING_SUBMIT, ROLE_ENTRY, Order, client_order_id
from supreme_system_v5.core.engine.state import Position

SIMULATED = AccountKey("paper", "simulated", "usdm", "ETH-USDT")
REAL = AccountKey("paper", "real", "usdm", "ETH-USDT")
TAKER_E8 = 50_000
QUANTITY_E8 = E8 // 20


def leave_open(
    home: Home,
    key: AccountKey,
    side: int,
    opened_ns: int,
    price_e8: int,
    stop_pct: float = 1.0,
    target_pct: float = 2.0,
    timeout_minutes: float = 15.0,
) -> Position:
    """An entry that filled at ``opened_ns``; nothing came after it."""
    home.create()
    journal = Journal.open(home.journal_path, key)
    try:
        ledger = new_ledger(10_000 * E8)
        journal.open_account(ledger, opened_ns)
        entry_id, stop_id, target_id = (client_order_id(key.id, number) for number in (1, 2, 3))
        order = Order(entry_id, ROLE_ENTRY, side, LIMIT, IOC, QUANTITY_E8, price_e8, 0, False, opened_ns, "signal")
        order.state = PENDING_SUBMIT
        position = Position(side, entry_id, opened_ns, opened_ns + int(timeout_minutes * 60e9))
        order.stop_order_id = position.stop_order_id = stop_id
        order.target_order_id = position.target_order_id = target_id
        order.stop_trigger_e8 = position.stop_trigger_e8 = _to_tick(price_e8 * (1 - side * stop_pct / 100))
        order.target_trigger_e8 = position.target_trigger_e8 = _to_tick(price_e8 * (1 + side * target_pct / 100))
        journal.commit_sync([OrderRecord(order, opened_ns)])
        notional_e8 = multiply_e8(QUANTITY_E8, price_e8)
        fee_e8 = multiply_e8(notional_e8, TAKER_E8)
        ledger = ledger.after_fill(side, QUANTITY_E8, price_e8, fee_e8, 0)
        order.state, order.filled_e8 = FILLED, QUANTITY_E8
        position.entry_quantity_e8, position.entry_notional_e8, position.fees_e8 = QUANTITY_E8, notional_e8, fee_e8
        report = ExecutionReport(
            opened_ns, entry_id, FILLED, QUANTITY_E8, price_e8, fee_e8, 0, False, f"{entry_id}-1", ""
        )
        fill = FillRecord(report, OrderRecord(order, opened_ns), ledger, position.fields(ledger), key.is_simulated)
        journal.commit_sync([fill])
    finally:
        journal.close()
    return position


def _to_tick(price_e8: float) -> int:
    return int(price_e8) // 1_000_000 * 1_000_000
