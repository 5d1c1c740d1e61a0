"""`reset`: start over with new paper accounts. The journal is backed up first; order ids go on where they were."""

from __future__ import annotations

import argparse
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.journal.backup import copy_database
from supreme_system_v5.adapters.journal.database import empty_accounts, open_for_writing
from supreme_system_v5.adapters.journal.faults import fault_from
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.journal.words import OpenPosition
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import HomeLock
from supreme_system_v5.commands.tables import complain, say, say_json
from supreme_system_v5.core.domain.money import plain_e8

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 done or nothing to do, 1 refused because a position is open.

    Raises AlreadyRunningError while a daemon runs, JournalFault when the journal cannot be read or backed up.
    """
    is_json = bool(getattr(args, "json", False))
    home = Home(settings.home)
    if not home.journal_path.exists():
        if is_json:
            say_json({"is_reset": False, "backup": ""})
        else:
            say("nothing to reset: this home has no journal")
        return 0
    lock = HomeLock(home.lock_path)
    lock.acquire("reset")
    try:
        open_positions = _open_positions(home.journal_path)
        if open_positions:
            for position in open_positions:
                complain(f"refused: {plain_e8(position.quantity_e8)} open in {position.key.label}")
            complain("  let the daemon close it (ON_STOP=close), or: make emergency-stop")
            return 1
        backup = _reset(home)
    finally:
        lock.release()
    if is_json:
        say_json({"is_reset": True, "backup": str(backup)})
    else:
        say(f"reset: new accounts open with INITIAL_BALANCE at the next start; the old journal is {backup}")
    return 0


def _open_positions(path: Path) -> list[OpenPosition]:
    """Positions left open, once everything that an earlier run had to spill is booked."""
    with JournalReader(path) as reader:
        accounts = reader.accounts()
    if accounts:
        Journal.open(path, accounts[0], is_backed_up=False).close()
    with JournalReader(path) as reader:
        return reader.open_positions()


def _reset(home: Home) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    backup = home.backup_dir / f"journal-before-reset-{stamp}.db"
    db = open_for_writing(home.journal_path)
    try:
        copy_database(db, backup)
        empty_accounts(db)
        db.execute("VACUUM")
    except (sqlite3.Error, OSError) as error:
        raise fault_from(error, home.journal_path, "reset") from None
    finally:
        db.close()
    return backup
