"""Reading the journal without writing to it, while a daemon runs or not: `trades`, `status`, the banner."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from supreme_system_v5.adapters.journal import reading
from supreme_system_v5.adapters.journal.database import connect, open_for_reading
from supreme_system_v5.adapters.journal.faults import fault_from
from supreme_system_v5.adapters.journal.words import AccountKey, JournalState, OpenPosition
from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import TradeRecord
from supreme_system_v5.core.domain.order import Order

_T = TypeVar("_T")


class JournalReader:
    """A read-only look at a journal file. Every method raises JournalFault for what cannot be read.

    ``is_checked=False`` skips the integrity check, for a file this process has just opened.
    """

    def __init__(self, path: Path, is_checked: bool = True) -> None:
        self.path = path
        if is_checked:
            self._db = open_for_reading(path)
        else:
            try:
                self._db = connect(path, is_writer=False)
            except sqlite3.Error as error:
                raise fault_from(error, path, "read") from None

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def _read(self, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except sqlite3.Error as error:
            raise fault_from(error, self.path, "read") from None

    def accounts(self) -> list[AccountKey]:
        return self._read(lambda: reading.read_accounts(self._db))

    def load(self, account: AccountKey) -> JournalState:
        """Everything of one account, as of one moment."""

        def read() -> JournalState:
            self._db.execute("BEGIN")
            try:
                return reading.read_state(self._db, account.id)
            finally:
                self._db.execute("ROLLBACK")

        return self._read(read)

    def open_positions(self) -> list[OpenPosition]:
        return self._read(lambda: reading.read_open_positions(self._db))

    def ledger(self, account: AccountKey) -> Ledger | None:
        return self._read(lambda: reading.read_ledger(self._db, account.id))

    def order(self, account: AccountKey, client_order_id: str) -> Order | None:
        return self._read(lambda: reading.read_order(self._db, account.id, client_order_id))

    def trades(self, account: AccountKey, count_max: int) -> list[TradeRecord]:
        """The last closed trades, oldest first."""
        return self._read(lambda: reading.read_trades(self._db, account.id, count_max))

    def counts(self, account: AccountKey) -> dict[str, int]:
        """How many orders, fills, trades and decisions the account has; for summaries."""

        def read() -> dict[str, int]:
            tables = ("orders", "fills", "trades", "decisions", "equity")
            sql = "SELECT count(*) FROM {} WHERE account = ?"
            return {table: int(self._db.execute(sql.format(table), (account.id,)).fetchone()[0]) for table in tables}

        return self._read(read)
