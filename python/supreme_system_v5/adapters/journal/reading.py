"""Rows to words. Used by the journal itself and by the read-only reader."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

from supreme_system_v5.adapters.journal.rows import LEDGER_FIELDS, ORDER_COLUMNS, TRADE_FIELDS
from supreme_system_v5.adapters.journal.words import AccountKey, JournalState, OpenPosition
from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import TradeRecord
from supreme_system_v5.core.domain.order import Order

RECENT_TRADES_MAX: Final = 100
_OPEN: Final = "state NOT IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED')"
_TIMED_TABLES: Final = ("orders", "fills", "ledger", "position", "funding", "decisions", "equity", "state")


def read_accounts(db: sqlite3.Connection) -> list[AccountKey]:
    """Every account of this home, in a stable order."""
    rows = db.execute("SELECT mode, source_class, market, symbol FROM accounts ORDER BY id")
    return [AccountKey(*row) for row in rows]


def read_ledger(db: sqlite3.Connection, account: str) -> Ledger | None:
    row = db.execute(f"SELECT {','.join(LEDGER_FIELDS)} FROM ledger WHERE account = ?", (account,)).fetchone()
    return None if row is None else Ledger(*(int(value) for value in row))


def read_position(db: sqlite3.Connection, account: str) -> dict[str, object]:
    """The position after the last fill; {} when flat."""
    row = db.execute("SELECT value_json FROM position WHERE account = ?", (account,)).fetchone()
    return {} if row is None else dict(json.loads(row[0]))


def _order(row: tuple[Any, ...]) -> Order:
    named = dict(zip(ORDER_COLUMNS, row, strict=True))
    order = Order(
        named["client_order_id"],
        named["role"],
        int(named["side"]),
        named["order_type"],
        named["time_in_force"],
        int(named["quantity_e8"]),
        int(named["price_e8"]),
        int(named["trigger_e8"]),
        bool(named["is_reduce_only"]),
        int(named["created_ns"]),
        named["reason"],
    )
    order.state = named["state"]
    order.filled_e8 = int(named["filled_e8"])
    order.stop_order_id = named["stop_order_id"]
    order.stop_trigger_e8 = int(named["stop_trigger_e8"])
    order.target_order_id = named["target_order_id"]
    order.target_trigger_e8 = int(named["target_trigger_e8"])
    return order


def read_order(db: sqlite3.Connection, account: str, client_order_id: str) -> Order | None:
    row = db.execute(
        f"SELECT {','.join(ORDER_COLUMNS)} FROM orders WHERE account = ? AND client_order_id = ?",
        (account, client_order_id),
    ).fetchone()
    return None if row is None else _order(row)


def read_open_orders(db: sqlite3.Connection, account: str) -> list[Order]:
    """Orders that are not in a final state, oldest first."""
    rows = db.execute(
        f"SELECT {','.join(ORDER_COLUMNS)} FROM orders WHERE account = ? AND {_OPEN} "
        "ORDER BY created_ns, length(client_order_id), client_order_id",
        (account,),
    )
    return [_order(row) for row in rows]


def read_trades(db: sqlite3.Connection, account: str, count_max: int) -> list[TradeRecord]:
    """The last ``count_max`` closed trades in the order they were booked, oldest first."""
    rows = db.execute(
        f"SELECT {','.join(TRADE_FIELDS)} FROM trades WHERE account = ? ORDER BY id DESC LIMIT ?",
        (account, count_max),
    ).fetchall()
    return [_trade(row) for row in reversed(rows)]


def _trade(row: tuple[Any, ...]) -> TradeRecord:
    entry_order_id, *numbers = row[:11]
    exit_reason, strategy, *flags = row[11:]
    side, opened_ns, closed_ns, quantity, entry, exit_price, gross, fees, funding, net = (int(n) for n in numbers)
    is_simulated, is_while_down, is_forced_mark = (bool(flag) for flag in flags)
    return TradeRecord(
        entry_order_id,
        side,
        opened_ns,
        closed_ns,
        quantity,
        entry,
        exit_price,
        gross,
        fees,
        funding,
        net,
        exit_reason,
        strategy,
        is_simulated,
        is_while_down,
        is_forced_mark,
    )


def read_last_price(db: sqlite3.Connection, account: str) -> int:
    """The price of the latest journalled mark or fill; 0 when there is none."""
    mark = db.execute(
        "SELECT time_ns, mark_e8 FROM equity WHERE account = ? AND mark_e8 > 0 ORDER BY time_ns DESC LIMIT 1",
        (account,),
    ).fetchone()
    fill = db.execute(
        "SELECT time_ns, price_e8 FROM fills WHERE account = ? ORDER BY id DESC LIMIT 1", (account,)
    ).fetchone()
    found = [row for row in (mark, fill) if row is not None]
    return int(max(found, key=lambda row: int(row[0]))[1]) if found else 0


def read_last_time(db: sqlite3.Connection, account: str) -> int:
    """The latest engine time (ns UTC) in any table; 0 for a new account."""
    last_ns = 0
    for table in _TIMED_TABLES:
        row = db.execute(f"SELECT max(time_ns) FROM {table} WHERE account = ?", (account,)).fetchone()
        last_ns = max(last_ns, int(row[0] or 0))
    return last_ns


def read_funding_since(db: sqlite3.Connection, account: str, time_ns: int) -> int:
    """Funding received minus paid since an engine time, in 1e-8 units."""
    rows = db.execute("SELECT amount_e8 FROM funding WHERE account = ? AND time_ns >= ?", (account, time_ns))
    return sum(int(row[0]) for row in rows)


def read_state(db: sqlite3.Connection, account: str) -> JournalState:
    """Everything of one account that a start needs."""
    sequence = db.execute("SELECT next FROM sequence WHERE account = ?", (account,)).fetchone()
    trades = db.execute("SELECT count(*) FROM trades WHERE account = ?", (account,)).fetchone()
    funding = db.execute("SELECT max(funding_time_ms) FROM funding WHERE account = ?", (account,)).fetchone()
    position = read_position(db, account)
    opened_ns = int(str(position.get("opened_ns", 0)))
    return JournalState(
        ledger=read_ledger(db, account),
        next_sequence=1 if sequence is None else int(sequence[0]),
        open_orders=read_open_orders(db, account),
        position=position,
        position_funding_e8=read_funding_since(db, account, opened_ns) if position else 0,
        state=dict(db.execute("SELECT key, value_json FROM state WHERE account = ? ORDER BY key", (account,))),
        recent_trades=read_trades(db, account, RECENT_TRADES_MAX),
        last_price_e8=read_last_price(db, account),
        last_time_ns=read_last_time(db, account),
        trades_closed=int(trades[0]),
        last_funding_ms=int(funding[0] or 0),
    )


def read_open_positions(db: sqlite3.Connection) -> list[OpenPosition]:
    """Every position that the journal shows open, of whatever account."""
    found = []
    for key in read_accounts(db):
        ledger = read_ledger(db, key.id)
        if ledger is not None and ledger.position_e8 != 0:
            position = read_position(db, key.id)
            found.append(OpenPosition(key, ledger.position_e8, ledger.entry_price_e8(), position))
    return found
