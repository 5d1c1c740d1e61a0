"""Records to rows. Everything here runs inside a transaction of the writer thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import (
    BooksRecord,
    DecisionRecord,
    Effect,
    EquityRecord,
    FillRecord,
    FundingRecord,
    OrderRecord,
    StateRecord,
    TradeRecord,
)
from supreme_system_v5.core.domain.order import ORDER_FIELDS

ORDER_COLUMNS: Final = (*ORDER_FIELDS, "time_ns")
# Of the report; its side comes from the order.
FILL_FIELDS: Final = (
    "execution_id",
    "client_order_id",
    "time_ns",
    "order_state",
    "last_quantity_e8",
    "last_price_e8",
    "fee_quote_e8",
    "fee_base_e8",
    "is_maker",
    "reason",
    "is_while_down",
    "is_forced_mark",
)
LEDGER_FIELDS: Final = (
    "initial_e8",
    "wallet_e8",
    "position_e8",
    "cost_e8",
    "realized_e8",
    "fees_e8",
    "funding_e8",
    "dust_e8",
    "dust_cost_e8",
)
FUNDING_FIELDS: Final = ("funding_time_ms", "time_ns", "amount_e8", "rate_e8", "mark_e8")
TRADE_FIELDS: Final = (
    "entry_order_id",
    "side",
    "opened_ns",
    "closed_ns",
    "quantity_e8",
    "entry_price_e8",
    "exit_price_e8",
    "gross_e8",
    "fees_e8",
    "funding_e8",
    "net_e8",
    "exit_reason",
    "strategy",
    "is_simulated",
    "is_while_down",
    "is_forced_mark",
)
DECISION_FIELDS: Final = ("time_ns", "kind", "reason", "detail")
EQUITY_FIELDS: Final = ("time_ns", "equity_e8", "wallet_e8", "position_e8", "mark_e8")
STATE_FIELDS: Final = ("time_ns", "key", "value_json")


def _insert(table: str, columns: tuple[str, ...], verb: str = "INSERT") -> str:
    marks = ",".join("?" * (len(columns) + 1))
    return f"{verb} INTO {table} (account,{','.join(columns)}) VALUES ({marks})"


_FILL_COLUMNS: Final = (*(name.replace("last_", "") for name in FILL_FIELDS), "side", "is_simulated")
_ORDER_SQL: Final = _insert("orders", ORDER_COLUMNS, "INSERT OR REPLACE")
_FILL_SQL: Final = _insert("fills", _FILL_COLUMNS)
_LEDGER_SQL: Final = _insert("ledger", ("time_ns", *LEDGER_FIELDS), "INSERT OR REPLACE")
_POSITION_SQL: Final = _insert("position", ("time_ns", "value_json"), "INSERT OR REPLACE")
_FUNDING_SQL: Final = _insert("funding", FUNDING_FIELDS)
_TRADE_SQL: Final = _insert("trades", TRADE_FIELDS)
_DECISION_SQL: Final = _insert("decisions", DECISION_FIELDS)
_EQUITY_SQL: Final = _insert("equity", EQUITY_FIELDS, "INSERT OR REPLACE")
_STATE_SQL: Final = _insert("state", STATE_FIELDS, "INSERT OR REPLACE")
_SEQUENCE_SQL: Final = (
    "INSERT INTO sequence (account, next) VALUES (?, ?) "
    "ON CONFLICT (account) DO UPDATE SET next = max(next, excluded.next)"
)

_order_values: Final = attrgetter(*ORDER_COLUMNS)
_fill_values: Final = attrgetter(*FILL_FIELDS)
_ledger_values: Final = attrgetter(*LEDGER_FIELDS)
_funding_values: Final = attrgetter(*FUNDING_FIELDS)
_trade_values: Final = attrgetter(*TRADE_FIELDS)
_decision_values: Final = attrgetter(*DECISION_FIELDS)
_equity_values: Final = attrgetter(*EQUITY_FIELDS)
_state_values: Final = attrgetter(*STATE_FIELDS)

_MAX_64: Final = 2**63


def _execute(db: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> None:
    """One statement; an integer beyond 64 bits goes in as text (see schema.py)."""
    try:
        db.execute(sql, values)
    except OverflowError:
        db.execute(sql, tuple(str(v) if isinstance(v, int) and not -_MAX_64 <= v < _MAX_64 else v for v in values))


def sequence_of(account: str, client_order_id: str) -> int:
    """The journal sequence inside a client order id of this account; 0 when it is not one of ours."""
    prefix = f"s5-{account}-"
    if not client_order_id.startswith(prefix):
        return 0
    try:
        return int(client_order_id[len(prefix) :], 36)
    except ValueError:
        return 0


def write_order(db: sqlite3.Connection, account: str, record: OrderRecord) -> bool:
    """The order as it is, and the sequence past every id it uses (its protection's too)."""
    _execute(db, _ORDER_SQL, (account, *_order_values(record)))
    used = max(
        sequence_of(account, record.client_order_id),
        sequence_of(account, record.stop_order_id),
        sequence_of(account, record.target_order_id),
    )
    if used > 0:
        db.execute(_SEQUENCE_SQL, (account, used + 1))
    return True


class Opening:
    """The opening balance of a new account. Internal: the engine's records cannot be subclassed when compiled."""

    is_durable = True

    def __init__(self, ledger: Ledger, time_ns: int) -> None:
        self.ledger = ledger
        self.time_ns = time_ns


def write_ledger(db: sqlite3.Connection, account: str, time_ns: int, ledger: Ledger) -> None:
    _execute(db, _LEDGER_SQL, (account, time_ns, *_ledger_values(ledger)))


def _write_fill(db: sqlite3.Connection, account: str, record: FillRecord) -> bool:
    try:
        _execute(db, _FILL_SQL, (account, *_fill_values(record.report), record.order.side, int(record.is_simulated)))
    except sqlite3.IntegrityError as error:
        if "UNIQUE" not in str(error):
            raise
        return False  # booked before: its order, ledger and position are older than what is there
    write_order(db, account, record.order)
    _write_books(db, account, record)
    return True


def _write_books(db: sqlite3.Connection, account: str, record: BooksRecord | FillRecord) -> bool:
    """Ledger and position as they are after the record."""
    write_ledger(db, account, record.time_ns, record.ledger)
    position_json = json.dumps(record.position, separators=(",", ":"))
    db.execute(_POSITION_SQL, (account, record.time_ns, position_json))
    return True


def _write_funding(db: sqlite3.Connection, account: str, record: FundingRecord) -> bool:
    try:
        _execute(db, _FUNDING_SQL, (account, *_funding_values(record)))
    except sqlite3.IntegrityError as error:
        if "UNIQUE" not in str(error):
            raise
        return False
    write_ledger(db, account, record.time_ns, record.ledger)
    return True


def _write_trade(db: sqlite3.Connection, account: str, record: TradeRecord) -> bool:
    try:
        _execute(db, _TRADE_SQL, (account, *_trade_values(record)))
    except sqlite3.IntegrityError as error:
        if "UNIQUE" not in str(error):
            raise
        return False
    return True


def _write_decision(db: sqlite3.Connection, account: str, record: DecisionRecord) -> bool:
    db.execute(_DECISION_SQL, (account, *_decision_values(record)))
    return True


def _write_equity(db: sqlite3.Connection, account: str, record: EquityRecord) -> bool:
    _execute(db, _EQUITY_SQL, (account, *_equity_values(record)))
    return True


def _write_state(db: sqlite3.Connection, account: str, record: StateRecord) -> bool:
    db.execute(_STATE_SQL, (account, *_state_values(record)))
    return True


def _write_opening(db: sqlite3.Connection, account: str, record: Opening) -> bool:
    if db.execute("SELECT 1 FROM ledger WHERE account = ?", (account,)).fetchone() is not None:
        return False
    write_ledger(db, account, record.time_ns, record.ledger)
    return True


_WRITERS: Final[dict[type, Callable[[sqlite3.Connection, str, Any], bool]]] = {
    OrderRecord: write_order,
    FillRecord: _write_fill,
    BooksRecord: _write_books,
    FundingRecord: _write_funding,
    TradeRecord: _write_trade,
    DecisionRecord: _write_decision,
    EquityRecord: _write_equity,
    StateRecord: _write_state,
    Opening: _write_opening,
}


def write_record(db: sqlite3.Connection, account: str, record: Effect) -> bool:
    """Write one record; False when it was booked before and is therefore left out.

    Raises TypeError for an effect that is no record, sqlite3.Error for what the database refuses.
    """
    writer = _WRITERS.get(type(record))
    if writer is None:
        raise TypeError(f"{type(record).__name__} is not a journal record")
    return writer(db, account, record)
