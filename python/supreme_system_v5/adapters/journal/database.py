"""Opening the journal file: created, checked, or refused with a sentence that names the remedy."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from supreme_system_v5.adapters.journal.faults import backups, fault_from, restore_remedy
from supreme_system_v5.adapters.journal.schema import ACCOUNT_TABLES, APPLICATION_ID, DDL, SCHEMA_VERSION
from supreme_system_v5.adapters.journal.words import AccountKey
from supreme_system_v5.core.domain.errors import ConfigError, JournalFault

BUSY_MS_MAX: Final = 900  # below the one second after which a commit is a fault
CACHE_KB: Final = 512
CHECKPOINT_PAGES_MAX: Final = 4_000  # the writer checkpoints when idle; this is only the safety net


def connect(path: Path, *, is_writer: bool) -> sqlite3.Connection:
    """A connection in autocommit mode with the journal's settings. Raises sqlite3.Error."""
    mode = "rwc" if is_writer else "rw"
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_MS_MAX / 1000, isolation_level=None, check_same_thread=False)
    try:
        db.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        if is_writer:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES_MAX}")
        else:
            db.execute("PRAGMA query_only = 1")
    except BaseException:
        db.close()
        raise
    return db


def sync_directory(directory: Path) -> None:
    """fsync a directory, so that a file created in it survives a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_lost_file(path: Path) -> None:
    """A journal that is gone or empty while its backups are there is a loss, not a first start."""
    size = path.stat().st_size if path.exists() else 0
    if size > 0:
        return
    found = backups(path)
    if found:
        what = "is empty" if path.exists() else "is missing"
        raise JournalFault(
            f"the journal {path} {what}, but it has been there: {found[0]}",
            f"copy the backup to {path}; or, to start over with a new account, move {found[0].parent} away",
        )


def _create(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in DDL.split(";"):
            if statement.strip():
                db.execute(statement)
        db.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(SCHEMA_VERSION),))
        db.execute("INSERT INTO meta VALUES ('created_ns', ?)", (str(time.time_ns()),))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    sync_directory(path.parent)


def check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a journal, is newer than this program, or does not pass SQLite's quick check.

    Raises ConfigError, JournalFault, or sqlite3.Error for what cannot even be read.
    """
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise ConfigError(
            f"{path} is a database of another program, not a journal", "move it away, or set SUPREME_HOME elsewhere"
        )
    problems = [str(row[0]) for row in db.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        said = problems[0].replace("*** in database main ***", "").split("\n")
        what = next((line.strip() for line in said if line.strip()), "no reason given")
        raise JournalFault(f"the journal {path} is corrupt ({what})", restore_remedy(path))
    row = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    version = int(row[0]) if row is not None else 0
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"the journal {path} was written by a newer version (schema {version}; this one knows {SCHEMA_VERSION})",
            "update the program, or set SUPREME_HOME to another folder",
        )
    if version != SCHEMA_VERSION:
        raise JournalFault(f"the journal {path} has no known schema ({version})", restore_remedy(path))


def _is_blank(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open, create if it was never there, and check. Raises JournalFault or ConfigError, nothing else."""
    return _open(path, is_writer=True)


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open an existing journal without writing to it. Raises JournalFault or ConfigError."""
    if not path.exists() or path.stat().st_size == 0:
        _refuse_lost_file(path)
        raise JournalFault(f"there is no journal at {path}", "nothing was ever traded in this home; start with: run")
    return _open(path, is_writer=False)


def _open(path: Path, is_writer: bool) -> sqlite3.Connection:
    db: sqlite3.Connection | None = None
    try:
        if is_writer:
            _refuse_lost_file(path)
        db = connect(path, is_writer=is_writer)
        if is_writer and _is_blank(db):
            _create(db, path)
        check(db, path)
        if is_writer:
            # Being able to write is part of being open: a full disk or a read-only file must show now.
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT OR REPLACE INTO meta VALUES ('opened_ns', ?)", (str(time.time_ns()),))
            db.execute("COMMIT")
        return db
    except (sqlite3.Error, OSError) as error:
        _abandon(db)
        raise fault_from(error, path, "open" if is_writer else "read") from None
    except BaseException:
        _abandon(db)
        raise


def _abandon(db: sqlite3.Connection | None) -> None:
    if db is None:
        return
    try:
        db.close()
    except sqlite3.Error:
        pass


def register_account(db: sqlite3.Connection, key: AccountKey) -> None:
    """Make the account known. Raises ConfigError when two accounts share the four digits of their id."""
    row = db.execute("SELECT mode, source_class, market, symbol FROM accounts WHERE id = ?", (key.id,)).fetchone()
    if row is None:
        db.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?)",
            (key.id, key.mode, key.source_class, key.market, key.symbol),
        )
    elif AccountKey(*row) != key:
        raise ConfigError(
            f"the accounts {key.label!r} and {AccountKey(*row).label!r} have the same id {key.id}",
            "keep one of them in another SUPREME_HOME",
        )


def empty_accounts(db: sqlite3.Connection) -> None:
    """Forget every account's history in one transaction; the order id sequences go on."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for table in ACCOUNT_TABLES:
            db.execute(f"DELETE FROM {table}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
