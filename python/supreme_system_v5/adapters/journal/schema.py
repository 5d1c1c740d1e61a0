"""The tables of the journal.

Money and quantities are integers in 1e-8 units. Their columns carry no type on purpose: SQLite then keeps what it is
given, so an amount beyond 64 bits (92 billion USDT; it never happens) is stored as text and stays exact, where an
INTEGER column would turn it into a float without a word.
"""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 1
APPLICATION_ID: Final = 0x53355635  # "S5V5": tells our file from any other SQLite database

# Tables that belong to one account and that `reset` empties; accounts, sequence and meta outlive everything.
ACCOUNT_TABLES: Final = (
    "orders",
    "fills",
    "ledger",
    "position",
    "funding",
    "trades",
    "decisions",
    "equity",
    "state",
)

DDL: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE accounts (
    id TEXT PRIMARY KEY, mode TEXT NOT NULL, source_class TEXT NOT NULL, market TEXT NOT NULL, symbol TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE sequence (account TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE orders (
    account TEXT NOT NULL, client_order_id TEXT NOT NULL, role TEXT NOT NULL, side INTEGER NOT NULL,
    order_type TEXT NOT NULL, time_in_force TEXT NOT NULL, quantity_e8 NOT NULL, price_e8 NOT NULL,
    trigger_e8 NOT NULL, is_reduce_only INTEGER NOT NULL, created_ns INTEGER NOT NULL, reason TEXT NOT NULL,
    state TEXT NOT NULL, filled_e8 NOT NULL, stop_order_id TEXT NOT NULL, stop_trigger_e8 NOT NULL,
    target_order_id TEXT NOT NULL, target_trigger_e8 NOT NULL, time_ns INTEGER NOT NULL,
    PRIMARY KEY (account, client_order_id)
) WITHOUT ROWID;
CREATE INDEX orders_open ON orders (account, created_ns)
    WHERE state NOT IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED');
CREATE TABLE fills (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, execution_id TEXT NOT NULL, client_order_id TEXT NOT NULL,
    time_ns INTEGER NOT NULL, order_state TEXT NOT NULL, side INTEGER NOT NULL, quantity_e8 NOT NULL,
    price_e8 NOT NULL, fee_quote_e8 NOT NULL, fee_base_e8 NOT NULL, is_maker INTEGER NOT NULL, reason TEXT NOT NULL,
    is_simulated INTEGER NOT NULL, is_while_down INTEGER NOT NULL, is_forced_mark INTEGER NOT NULL,
    UNIQUE (account, execution_id)
);
CREATE TABLE ledger (
    account TEXT PRIMARY KEY, time_ns INTEGER NOT NULL, initial_e8 NOT NULL, wallet_e8 NOT NULL, position_e8 NOT NULL,
    cost_e8 NOT NULL, realized_e8 NOT NULL, fees_e8 NOT NULL, funding_e8 NOT NULL, dust_e8 NOT NULL,
    dust_cost_e8 NOT NULL
) WITHOUT ROWID;
CREATE TABLE position (
    account TEXT PRIMARY KEY, time_ns INTEGER NOT NULL, value_json TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE funding (
    account TEXT NOT NULL, funding_time_ms INTEGER NOT NULL, time_ns INTEGER NOT NULL, amount_e8 NOT NULL,
    rate_e8 NOT NULL, mark_e8 NOT NULL, PRIMARY KEY (account, funding_time_ms)
) WITHOUT ROWID;
CREATE TABLE trades (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, entry_order_id TEXT NOT NULL, side INTEGER NOT NULL,
    opened_ns INTEGER NOT NULL, closed_ns INTEGER NOT NULL, quantity_e8 NOT NULL, entry_price_e8 NOT NULL,
    exit_price_e8 NOT NULL, gross_e8 NOT NULL, fees_e8 NOT NULL, funding_e8 NOT NULL, net_e8 NOT NULL,
    exit_reason TEXT NOT NULL, strategy TEXT NOT NULL, is_simulated INTEGER NOT NULL, is_while_down INTEGER NOT NULL,
    is_forced_mark INTEGER NOT NULL, UNIQUE (account, entry_order_id, closed_ns)
);
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, time_ns INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX decisions_time ON decisions (account, time_ns);
CREATE TABLE equity (
    account TEXT NOT NULL, time_ns INTEGER NOT NULL, equity_e8 NOT NULL, wallet_e8 NOT NULL, position_e8 NOT NULL,
    mark_e8 NOT NULL, PRIMARY KEY (account, time_ns)
) WITHOUT ROWID;
CREATE TABLE state (
    account TEXT NOT NULL, key TEXT NOT NULL, time_ns INTEGER NOT NULL, value_json TEXT NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;
"""
