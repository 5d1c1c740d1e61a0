"""status: one page about the running daemon; exit 3 when none runs, with what to do about it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from typing import Any

from supreme_system_v5.adapters.control.client import (
    ControlError,
    ControlTimeoutError,
    ControlUnavailableError,
    call,
)
from supreme_system_v5.adapters.monitoring.text import to_encoding
from supreme_system_v5.adapters.monitoring.view import status_page
from supreme_system_v5.adapters.storage import halt, lock
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.config import Settings

EXIT_NOT_RUNNING = 3
TIMEOUT_SECONDS = 3.0


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print the page, or with --json the status as the daemon gives it."""
    try:
        status = read_status(settings)
    except ControlUnavailableError:
        return _not_running(settings, args.json)
    except ControlError as error:
        owner = lock.read_owner(Home(settings.home).lock_path)
        who = f"pid {owner.pid}: " if owner is not None else ""
        is_hung = isinstance(error, ControlTimeoutError)
        remedy = "it hangs or is stopped; make emergency-stop ends it and closes what is open" if is_hung else ""
        return _fault(f"{who}{error.message}", remedy, args.json)
    if args.json:
        print(json.dumps(status, indent=2))
        return 0
    show(status_page(status, terminal_width(), 0, is_color()))
    return 0


def read_status(settings: Settings, timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, Any]:
    """The daemon's status dict. Raises ControlUnavailableError, ControlTimeoutError, ControlError."""
    return call(Home(settings.home).socket_path, "status", {}, timeout_seconds)


def is_color() -> bool:
    """Colour on a terminal, unless NO_COLOR is set (any value) or the terminal is dumb."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def terminal_width() -> int:
    return shutil.get_terminal_size((100, 40)).columns


def show(text: str) -> None:
    """Print text in what the output can encode."""
    print(to_encoding(text, sys.stdout.encoding))


def not_running_facts(settings: Settings) -> dict[str, Any]:
    """Why nothing answers, as far as the files tell: latch, a process that died, positions left open."""
    home = Home(settings.home)
    owner = lock.read_owner(home.lock_path)
    latch = halt.read(home.halted_path)
    return {
        "schema_version": 1,
        "running": False,
        "home": str(home.root),
        "halted": halt.is_halted(home.halted_path),
        "halted_reason": str(latch.get("reason", "")),
        "halted_ns": latch.get("time_ns", 0),
        "starting_pid": owner.pid if owner is not None and owner.is_alive else 0,
        "died_pid": owner.pid if owner is not None and not owner.is_alive else 0,
        "open_positions": _open_positions(home),
    }


def _open_positions(home: Home) -> list[str]:
    if not home.journal_path.is_file():
        return []
    from supreme_system_v5.adapters.journal.reader import JournalReader
    from supreme_system_v5.commands.trades import open_words
    from supreme_system_v5.core.domain.errors import JournalFault

    try:
        with JournalReader(home.journal_path) as reader:
            return [open_words(item) for item in reader.open_positions()]
    except JournalFault as fault:
        return [f"not known: {fault.message}"]


def _not_running(settings: Settings, is_json: bool) -> int:
    facts = not_running_facts(settings)
    if is_json:
        print(json.dumps(facts, indent=2))
        return EXIT_NOT_RUNNING
    lines = [f"no daemon is running in {facts['home']}"]
    if facts["starting_pid"]:
        lines = [f"pid {facts['starting_pid']} is starting or stopping and does not answer yet: try again"]
    elif facts["died_pid"]:
        lines.append(f"  the last one (pid {facts['died_pid']}) ended without its orderly stop; a start recovers")
    lines += [f"  LEFT OPEN  {text}" for text in facts["open_positions"]]
    if facts["halted"]:
        seconds = int(facts["halted_ns"]) // 1_000_000_000 if isinstance(facts["halted_ns"], int) else 0
        when = time.strftime(" since %Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds)) if seconds else ""
        lines.append(f"  HALTED{when}: {facts['halted_reason'] or 'no reason recorded'}")
        lines.append("  look at what happened, then: make clear-halt")
    elif not facts["starting_pid"]:
        lines.append("  start one: make run-ultra-local      see the last result: make results")
    show("\n".join(lines))
    return EXIT_NOT_RUNNING


def _fault(message: str, remedy: str, is_json: bool) -> int:
    if is_json:
        print(json.dumps({"schema_version": 1, "running": True, "error": message}))
    else:
        show("\n".join([message, f"  {remedy}" if remedy else ""]).rstrip())
    return 1
