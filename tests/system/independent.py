"""What a journal says, read by plain SQL from a copy and added up anew: none of the daemon's own code is used here."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

E8 = 100_000_000
FINAL = ("FILLED", "CANCELED", "REJECTED", "EXPIRED")


class Fill(NamedTuple):
    """One fill; amounts in 1e-8 units."""

    execution_id: str
    order_id: str
    time_ns: int
    side: int
    quantity: int
    price: int
    fee_quote: int
    fee_base: int
    is_while_down: int


class Books(NamedTuple):
    """One account as its journal has it."""

    account: str
    fills: list[Fill]
    orders: dict[str, dict[str, Any]]
    ledger: dict[str, int]
    position: dict[str, Any]
    funding: list[tuple[int, int]]  # time ms, amount
    trades: list[dict[str, Any]]
    state: dict[str, Any]
    next_sequence: int
    last_time_ns: int

    @property
    def pending(self) -> list[str]:
        """Intents whose outcome is not known."""
        return [name for name, order in self.orders.items() if order["state"] == "PENDING_SUBMIT"]


def multiply(a: int, b: int) -> int:
    """The product of two amounts in 1e-8 units, rounded half to even as the house does it."""
    product = abs(a) * abs(b)
    whole, rest = divmod(product, E8)
    if rest * 2 > E8 or (rest * 2 == E8 and whole % 2):
        whole += 1
    return whole if (a < 0) == (b < 0) else -whole


def read(journal: Path, scratch: Path) -> Books | None:
    """The (only) account of a journal, from a copy of its files: the original's WAL is left for the daemon."""
    scratch.mkdir(exist_ok=True)
    for name in ("journal.db", "journal.db-wal"):
        (scratch / name).unlink(missing_ok=True)
        if (journal.parent / name).exists():
            shutil.copy(journal.parent / name, scratch / name)
    (scratch / "journal.db-shm").unlink(missing_ok=True)
    if not (scratch / "journal.db").exists() or (scratch / "journal.db").stat().st_size == 0:
        return None
    db = sqlite3.connect(scratch / "journal.db")
    db.row_factory = sqlite3.Row
    try:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return _read(db)
    finally:
        db.close()


def _read(db: sqlite3.Connection) -> Books | None:
    found = db.execute("SELECT account FROM ledger").fetchall()
    if not found:
        return None
    assert len(found) == 1, "one account was expected"
    account = found[0][0]

    def rows(sql: str) -> list[Any]:
        return db.execute(sql.format("account = ?"), (account,)).fetchall()

    ledger = dict(rows("SELECT * FROM ledger WHERE {}")[0])
    last = [ledger["time_ns"]]
    for table in ("orders", "fills", "position", "funding", "decisions", "equity", "state"):
        last.append(rows(f"SELECT max(time_ns) FROM {table} WHERE {{}}")[0][0] or 0)
    position = rows("SELECT value_json FROM position WHERE {}")
    sequence = rows("SELECT next FROM sequence WHERE {}")
    return Books(
        account,
        [
            Fill(*row)
            for row in rows(
                "SELECT execution_id, client_order_id, time_ns, side, quantity_e8, price_e8, fee_quote_e8, fee_base_e8,"
                " is_while_down FROM fills WHERE {} ORDER BY id"
            )
        ],
        {row["client_order_id"]: dict(row) for row in rows("SELECT * FROM orders WHERE {}")},
        {key: value for key, value in ledger.items() if key.endswith("_e8")},
        json.loads(position[0][0]) if position else {},
        [
            tuple(row)
            for row in rows("SELECT funding_time_ms, amount_e8 FROM funding WHERE {} ORDER BY funding_time_ms")
        ],
        [dict(row) for row in rows("SELECT * FROM trades WHERE {} ORDER BY id")],
        {row["key"]: json.loads(row["value_json"]) for row in rows("SELECT key, value_json FROM state WHERE {}")},
        int(sequence[0][0]) if sequence else 1,
        max(last),
    )


def check(books: Books) -> None:
    """Everything that must hold in a journal at any moment. Raises AssertionError."""
    ledger = books.ledger
    fills = books.fills
    assert len({fill.execution_id for fill in fills}) == len(fills), "a fill is booked twice"
    signed = sum(fill.side * fill.quantity - fill.fee_base for fill in fills)
    assert signed == ledger["position_e8"] + ledger["dust_e8"], "position is not the sum of the fills"
    held = books.position.get("side", 0) * books.position.get("quantity_e8", 0)
    assert held == ledger["position_e8"], "position and ledger disagree"
    # Cash needs no average price: what was paid and received, and nothing else.
    cash = ledger["initial_e8"] + sum(amount for _, amount in books.funding)
    cash -= sum(fill.side * multiply(fill.quantity, fill.price) + fill.fee_quote for fill in fills)
    assert cash == ledger["wallet_e8"] - ledger["cost_e8"] - ledger["dust_cost_e8"], "cash does not add up"
    wallet = ledger["initial_e8"] + ledger["realized_e8"] - ledger["fees_e8"] + ledger["funding_e8"]
    assert wallet == ledger["wallet_e8"], "wallet is not initial + realized - fees + funding"
    assert sum(amount for _, amount in books.funding) == ledger["funding_e8"], "funding does not add up"
    assert sum(fill.fee_quote for fill in fills) == ledger["fees_e8"], "fees do not add up"
    if ledger["position_e8"] == 0 and ledger["dust_e8"] == 0:
        assert sum(trade["gross_e8"] for trade in books.trades) == ledger["realized_e8"], "a round trip is missing"
        assert sum(trade["fees_e8"] for trade in books.trades) == ledger["fees_e8"]
        assert sum(trade["funding_e8"] for trade in books.trades) == ledger["funding_e8"]
    _check_orders(books)


def _check_orders(books: Books) -> None:
    filled: dict[str, int] = {}
    for fill in books.fills:
        filled[fill.order_id] = filled.get(fill.order_id, 0) + fill.quantity
    for order_id, quantity in filled.items():
        order = books.orders[order_id]
        assert order["filled_e8"] == quantity, f"{order_id} says {order['filled_e8']}, its fills {quantity}"
        assert quantity <= order["quantity_e8"], f"{order_id} filled beyond its size"
    for order_id in books.orders:
        assert sequence_of(books.account, order_id) < books.next_sequence, f"{order_id} may be used again"


def sequence_of(account: str, order_id: str) -> int:
    """The journal sequence in a client order id."""
    prefix = f"s5-{account}-"
    assert order_id.startswith(prefix) and len(order_id) <= 36, order_id
    return int(order_id[len(prefix) :], 36)


def wallets(books: Books) -> set[int]:
    """The wallet after each fill or payment, from the beginning: what a status may ever have shown."""
    events = [(fill.time_ns, 0, fill) for fill in books.fills]
    payments = [(time_ms * 1_000_000, 1, amount) for time_ms, amount in books.funding]
    wallet, position, cost = books.ledger["initial_e8"], 0, 0
    seen = {wallet}
    for _, _, event in sorted([*events, *payments], key=lambda item: item[:2]):
        if isinstance(event, Fill):
            signed, notional = event.side * event.quantity, multiply(event.quantity, event.price)
            if position == 0 or (position > 0) == (signed > 0):
                position, cost = position + signed, cost + event.side * notional
            else:
                share = cost if event.quantity == abs(position) else cost * event.quantity // abs(position)
                wallet += -event.side * notional - share
                position, cost = position + signed, cost - share
            wallet -= event.fee_quote
        else:
            wallet += event
        seen.add(wallet)
    return seen
