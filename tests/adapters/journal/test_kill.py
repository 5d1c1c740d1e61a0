"""kill -9 of a process in the middle of its commits: nothing acknowledged is lost, nothing half is there."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.rows import sequence_of
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.money import E8

from .books import KEY

PACKAGE_ROOT = Path(__file__).resolve().parents[3]
KILLS = 25

# Trades without end, saying after each acknowledged commit what it was: "<kind> <id>".
TRADER = """
import sys
from pathlib import Path
from supreme_system_v5.adapters.journal.journal import Journal
from tests.adapters.journal.books import KEY, Books
journal = Journal.open(Path(sys.argv[1]), KEY, is_backed_up=False)
state = journal.load()
books = Books(ledger=state.ledger, sequence=state.next_sequence)
if state.position:  # killed between entry and exit: take it up where it was left
    books.intent(); books.entry.client_order_id = state.position["entry_order_id"]
    books.stop = [order for order in state.open_orders if order.role == "stop"][0]
    journal.commit_sync(books.exit_fill())
print("ready", flush=True)
while True:
    for kind, make in (("intent", books.intent), ("entry", books.entry_fill), ("exit", books.exit_fill)):
        records = make()
        journal.commit_sync(records)
        order = {"intent": books.entry, "entry": books.entry}.get(kind)
        name = order.client_order_id if order else records[1].client_order_id
        print(kind, name, flush=True)
"""


def check_books(path: Path) -> tuple[set[str], set[str], bool]:
    """Rebuild the account from its fills and compare; the orders, the filled orders, is a position open."""
    journal = Journal.open(path, KEY, is_backed_up=False)
    state = journal.load()
    journal.close()
    db = sqlite3.connect(path)
    orders = {row[0]: row[1:] for row in db.execute("SELECT client_order_id, state, filled_e8, role FROM orders")}
    fills = list(db.execute("SELECT client_order_id, side, quantity_e8, price_e8, fee_quote_e8 FROM fills ORDER BY id"))
    trades = [row[0] for row in db.execute("SELECT entry_order_id FROM trades")]
    db.close()
    ledger = new_ledger(10_000 * E8)
    filled: dict[str, int] = {}
    for name, side, quantity_e8, price_e8, fee_e8 in fills:
        ledger = ledger.after_fill(side, quantity_e8, price_e8, fee_e8, 0)
        filled[name] = filled.get(name, 0) + quantity_e8
    assert state.ledger is None or state.ledger.fields() == ledger.fields()
    assert (state.ledger is None) == (not fills)
    assert filled == {name: row[1] for name, row in orders.items() if row[1]}
    assert bool(state.position) == (ledger.position_e8 != 0)
    if state.position:
        assert state.position["quantity_e8"] == ledger.position_e8
        stop = [order for order in state.open_orders if order.role == "stop"]
        assert [order.client_order_id for order in stop] == [state.position["stop_order_id"]]
    assert len(trades) == len(set(trades)) == sum(1 for row in orders.values() if row[2] == "exit" and row[1])
    assert state.next_sequence > max((sequence_of(KEY.id, name) for name in orders), default=0)
    return set(orders), set(filled), bool(state.position)


def test_kill_9_at_random_moments(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    chance = random.Random(20_26)
    acknowledged: set[str] = set()
    acknowledged_fills: set[str] = set()
    with_position = 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(PACKAGE_ROOT)])}
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", TRADER, str(path)], stdout=subprocess.PIPE, text=True, env=environment
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.06))
            child.kill()
            said = child.stdout.read()
        for line in said.splitlines(keepends=True):
            if line.endswith("\n") and line.startswith(("intent ", "entry ", "exit ")):
                kind, name = line.split()
                acknowledged.add(name)
                if kind != "intent":
                    acknowledged_fills.add(name)
        orders, filled, is_open = check_books(path)
        assert acknowledged <= orders, "an acknowledged order is lost"
        assert acknowledged_fills <= filled, "an acknowledged fill is lost"
        with_position += is_open
    assert len(acknowledged_fills) > KILLS, "the child hardly ever committed: this run proves nothing"
    assert with_position >= 3, "hardly ever killed with a position open: this run proves nothing"
