"""A daemon in miniature, run as a process by the tests of stop and emergency-stop: lock, journal, control socket.

usage: small_daemon.py HOME MODE, where MODE is
    closes    answers, closes its position on the journal, ends
    memory    answers that it is flat, writes nothing (its journal has become unreadable), ends
    lingers   answers and does not end
    deaf      holds the lock, has no socket at all
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.control.server import ControlServer
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import HomeLock
from tests.adapters.journal.books import KEY, Books


async def run(home: Home, mode: str) -> None:
    home.create()
    lock = HomeLock(home.lock_path)
    lock.acquire("20251120T120000Z-0001")
    journal = Journal.open(home.journal_path, KEY)
    books = Books(sequence=journal.load().next_sequence)
    await journal.commit(books.intent())
    await journal.commit(books.entry_fill())
    ended = asyncio.Event()

    async def handle(command: str, _args: dict[str, Any]) -> dict[str, Any]:
        if mode == "closes":
            await journal.commit(books.exit_fill())
        if mode != "lingers":
            asyncio.get_running_loop().call_later(0.1, ended.set)
        return {"summary": f"{command}: 1 trade", "flat": True}

    server = ControlServer(home.prepare_socket_path(), handle)
    if mode != "deaf":
        await server.start()
    print("ready", flush=True)
    await ended.wait()
    await server.close()
    if mode != "memory":
        journal.close()
    lock.release()


if __name__ == "__main__":
    asyncio.run(run(Home(Path(sys.argv[1])), sys.argv[2]))
