"""Copies of the journal in `state/backup/`: one a day, the last three kept; one more before every reset."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from supreme_system_v5.adapters.journal.database import sync_directory
from supreme_system_v5.adapters.journal.faults import backups

KEEP_COUNT: Final = 3


def copy_database(db: sqlite3.Connection, target: Path) -> None:
    """A consistent copy by SQLite's backup API; appears under its name only when it is whole and on disk.

    Raises sqlite3.Error or OSError; nothing half is left behind.
    """
    target.parent.mkdir(mode=0o700, exist_ok=True)
    part = target.with_suffix(".part")
    try:
        part.unlink(missing_ok=True)
        copy = sqlite3.connect(part, isolation_level=None)
        try:
            copy.execute("PRAGMA cache_size = -512")
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, no -wal beside it
        finally:
            copy.close()
        handle = os.open(part, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(target)
        sync_directory(target.parent)
    except BaseException:
        for leftover in (part, part.with_name(part.name + "-journal")):
            leftover.unlink(missing_ok=True)
        raise


def backup_daily(db: sqlite3.Connection, path: Path, now_ns: int) -> str:
    """Copy the journal unless today's copy is there; "" or a sentence about what went wrong.

    A backup that fails does not keep the daemon from starting: the journal itself has just been checked.
    """
    day = time.strftime("%Y%m%d", time.gmtime(now_ns // 1_000_000_000))
    target = path.parent / "backup" / f"{path.stem}-{day}.db"
    if target.exists():
        return ""
    try:
        copy_database(db, target)
        for old in backups(path)[KEEP_COUNT:]:
            old.unlink(missing_ok=True)
    except (sqlite3.Error, OSError) as error:
        return f"no backup of the journal was made ({error})"
    return ""
