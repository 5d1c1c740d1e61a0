"""The journal of one account: what it was told is on disk before anyone acts on it."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from supreme_system_v5.adapters.journal import rows
from supreme_system_v5.adapters.journal.backup import backup_daily
from supreme_system_v5.adapters.journal.codec import decode_records, encode_records
from supreme_system_v5.adapters.journal.database import open_for_writing, register_account
from supreme_system_v5.adapters.journal.faults import fault_from
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.journal.rows import Opening
from supreme_system_v5.adapters.journal.spill import SpillFile
from supreme_system_v5.adapters.journal.words import AccountKey, JournalState, OpenPosition
from supreme_system_v5.adapters.journal.writer import Job, JournalWriter
from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.errors import JournalFault

COMMIT_SECONDS_MAX: Final = 1.0


class Journal:
    """Open it with `Journal.open`. Counters (commits, duplicates, ...) are read by whoever reports them."""

    def __init__(self, db: sqlite3.Connection, path: Path, account: AccountKey, journal_days: int) -> None:
        self.path = path
        self.account = account
        self.notices: list[str] = []  # for the banner: what was found and done while opening
        self.drained_count = 0  # transactions booked from the spill file of an earlier run
        self.on_fault: Callable[[JournalFault], None] | None = None  # for commit_later; called on the loop
        self._spill = SpillFile(path.parent / "spill.bin")
        self._writer = JournalWriter(db, path, account.id, journal_days)
        self._db = db
        self._is_closed = False

    @classmethod
    def open(
        cls,
        path: Path,
        account: AccountKey,
        clock: Callable[[], int] = time.time_ns,
        journal_days: int = 90,
        is_backed_up: bool = True,
    ) -> Journal:
        """Open or create, check, back up once a day, book what an earlier run had to spill, start the writer.

        ``clock`` gives wall time in ns UTC (it names the backup). Raises JournalFault or ConfigError with the file
        and the remedy; the directory must exist.
        """
        db = open_for_writing(path)
        journal = cls(db, path, account, journal_days)
        try:
            register_account(db, account)
            notice = backup_daily(db, path, clock()) if is_backed_up else ""
            if notice:
                journal.notices.append(notice)
            journal._drain()
        except (sqlite3.Error, OSError) as error:
            db.close()
            raise fault_from(error, path, "open") from None
        except BaseException:
            db.close()
            raise
        journal._writer.start()
        return journal

    def _drain(self) -> None:
        """Book the spilled transactions; each fill is booked once, whether or not it had reached the database."""
        spilled = self._spill.open()
        if not spilled:
            return
        self._db.execute("BEGIN IMMEDIATE")
        for text in spilled:
            try:
                account, records = decode_records(text)
            except (ValueError, KeyError, TypeError) as error:
                self._db.execute("ROLLBACK")
                raise JournalFault(
                    f"the spill file {self._spill.path} holds a record that cannot be read ({error!r})",
                    "it may hold the fill that closed a position: keep a copy, look at it, then delete it",
                ) from None
            for record in records:
                rows.write_record(self._db, account, record)
        self._db.execute("COMMIT")
        self._spill.clear()
        self.drained_count = len(spilled)
        self.notices.append(f"{len(spilled)} transaction(s) kept in {self._spill.path.name} were booked now")

    @property
    def fault(self) -> JournalFault | None:
        """The fault that ended journalling in this process, None while all is well."""
        return self._writer.fault

    def set_before_write(self, before_write: Callable[[], None]) -> None:
        """Called on the writer's thread before each transaction; what it hands to the disk is there first."""
        self._writer.before_write = before_write

    @property
    def commits(self) -> int:
        return self._writer.commits

    @property
    def records(self) -> int:
        return self._writer.records

    @property
    def duplicates(self) -> int:
        """Records left out because they had been booked before."""
        return self._writer.duplicates

    @property
    def commit_ns_max(self) -> int:
        """The longest transaction, ns."""
        return self._writer.commit_ns_max

    async def commit(self, records: list[Effect]) -> str:
        """Commit the records as one transaction and return when it is on disk ("committed" or "duplicate").

        Synced (power cut safe) when any record is durable. Raises JournalFault, also when it takes over a second.
        """
        self._raise_fault()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        timer = loop.call_later(COMMIT_SECONDS_MAX, self._expire, future)

        def deliver(result: str, error: Exception | None) -> None:
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:
                pass  # the loop is gone, and with it whoever waited

        self._writer.put(Job(records, any(record.is_durable for record in records), deliver))
        try:
            return await future
        finally:
            timer.cancel()

    def commit_later(self, records: list[Effect]) -> None:
        """Queue records nobody waits for (decisions, equity). A fault goes to ``on_fault``. Needs a running loop."""
        loop = asyncio.get_running_loop()

        def deliver(_result: str, error: Exception | None) -> None:
            if error is None:
                return
            fault = error if isinstance(error, JournalFault) else JournalFault(f"a record was refused: {error!r}")
            try:
                loop.call_soon_threadsafe(self._tell_fault, fault)
            except RuntimeError:
                pass

        self._writer.put(Job(records, any(record.is_durable for record in records), deliver))

    def commit_sync(self, records: list[Effect], timeout_seconds: float = 5.0) -> str:
        """`commit` without a loop, for commands and emergencies: blocks the caller. Raises JournalFault."""
        self._raise_fault()
        done = threading.Event()
        outcome: list[tuple[str, Exception | None]] = []

        def deliver(result: str, error: Exception | None) -> None:
            outcome.append((result, error))
            done.set()

        self._writer.put(Job(records, any(record.is_durable for record in records), deliver))
        if not done.wait(timeout_seconds):
            self._writer.fault = self._late(timeout_seconds)
            raise self._writer.fault
        result, error = outcome[0]
        if error is not None:
            raise error
        return result

    def spill(self, records: list[Effect]) -> bool:
        """Keep the records of an exit when `commit` has failed: in the spill file and on stderr.

        They are booked at the next start, in this order and each once. False when only stderr has them. Spill a
        transaction whole, as it was given to `commit`.
        """
        text = encode_records(self.account.id, records)
        is_kept = self._spill.append(text)
        sys.stderr.write(f"JOURNAL SPILL {'kept' if is_kept else 'NOT KEPT'} {text}\n")
        sys.stderr.flush()
        return is_kept

    def open_account(self, ledger: Ledger, time_ns: int) -> None:
        """Store the opening balance of a new account, so that it no longer depends on a setting.

        Call it before the first commit. Raises JournalFault.
        """
        self.commit_sync([Opening(ledger, time_ns)])  # type: ignore[list-item]  # not an engine effect

    def load(self) -> JournalState:
        """What a start needs to know, as last committed. Raises JournalFault."""
        with JournalReader(self.path, is_checked=False) as reader:
            return reader.load(self.account)

    def other_open_positions(self, account: AccountKey | None = None) -> list[OpenPosition]:
        """Positions of other accounts of this home, left open and unattended. Raises JournalFault."""
        own = account or self.account
        with JournalReader(self.path, is_checked=False) as reader:
            return [position for position in reader.open_positions() if position.key != own]

    def close(self, timeout_seconds: float = 3.0) -> bool:
        """Commit what is queued, end the thread, close the files. True when everything queued was written."""
        if self._is_closed:
            return self.fault is None
        self._is_closed = True
        is_ended = self._writer.stop(timeout_seconds)
        self._spill.close()
        if is_ended:  # a thread that hangs in the disk still uses the connection
            try:
                self._db.close()
            except sqlite3.Error:
                return False
        return is_ended and self.fault is None

    def _raise_fault(self) -> None:
        if self._writer.fault is not None:
            raise self._writer.fault
        if self._is_closed:
            raise JournalFault(f"the journal {self.path} is closed")

    def _late(self, seconds: float) -> JournalFault:
        return JournalFault(
            f"the journal {self.path} did not commit within {seconds:g} s", "check the disk: it stalls or hangs"
        )

    def _expire(self, future: asyncio.Future[str]) -> None:
        if not future.done():
            self._writer.fault = self._late(COMMIT_SECONDS_MAX)
            future.set_exception(self._writer.fault)

    def _tell_fault(self, fault: JournalFault) -> None:
        if self.on_fault is not None:
            self.on_fault(fault)


def _settle(future: asyncio.Future[str], result: str, error: Exception | None) -> None:
    """On the loop: hand the outcome to whoever still waits."""
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
