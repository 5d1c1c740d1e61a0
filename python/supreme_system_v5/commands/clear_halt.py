"""`clear-halt`: lift the latch of emergency-stop, once the books can be read and nothing runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.storage import halt
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import read_owner
from supreme_system_v5.commands.tables import complain, say, say_json
from supreme_system_v5.core.domain.errors import SupremeError

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 lifted or not set, 1 refused: a daemon still runs, or the journal cannot be compared with the venue.

    The paper venue holds nothing that the journal does not (it lives in the daemon), so a readable journal is all
    that paper needs.
    """
    is_json = bool(getattr(args, "json", False))
    home = Home(settings.home)
    if not halt.is_halted(home.halted_path):
        if is_json:
            say_json({"was_halted": False})
        else:
            say("not halted")
        return 0
    owner = read_owner(home.lock_path)
    if owner is not None and owner.is_alive:
        complain(f"refused: the daemon (pid {owner.pid}) still runs\n  end it with: make emergency-stop")
        return 1
    fault = _journal_fault(home)
    if fault is not None:
        complain(f"refused, the position is not known: {fault}")
        return 1
    said = halt.read(home.halted_path)
    halt.clear(home.halted_path)
    if is_json:
        say_json({"was_halted": True, **said})
    else:
        say(f"the latch is lifted (it said: {said.get('reason', 'nothing')}); the daemon may be started again")
    return 0


def _journal_fault(home: Home) -> SupremeError | None:
    """Why the journal cannot be read; None when it can, or when there never was one."""
    from supreme_system_v5.adapters.journal.faults import backups
    from supreme_system_v5.adapters.journal.reader import JournalReader

    if not home.journal_path.exists() and not backups(home.journal_path):
        return None
    try:
        JournalReader(home.journal_path).close()
    except SupremeError as error:
        return error
    return None
