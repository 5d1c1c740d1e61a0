"""`stop`: an orderly stop of the running daemon, by ON_STOP. Stopping what does not run is no failure."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.control.client import ControlError, call
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import read_owner
from supreme_system_v5.commands.processes import STOP_SECONDS_MAX, wait_until_gone
from supreme_system_v5.commands.tables import complain, say, say_json

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

_REMEDY = "end it with: make emergency-stop"


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Ask, wait until the process is gone, print its last words. 0 also when nothing runs, 1 when it does not end."""
    is_json = bool(getattr(args, "json", False))
    home = Home(settings.home)
    owner = read_owner(home.lock_path)
    if owner is None or not owner.is_alive:
        if is_json:
            say_json({"was_running": False})
        else:
            say(f"not running: no daemon in {home.root}")
        return 0
    try:
        result = call(home.socket_path, "stop", {}, STOP_SECONDS_MAX)
    except ControlError as error:
        # It may have ended between the two looks, or while it answered.
        if not wait_until_gone(owner, 1.0):
            complain(f"pid {owner.pid} could not be stopped: {error.message}\n  {_REMEDY}")
            return 1
        result = {}
    if not wait_until_gone(owner):
        complain(f"pid {owner.pid} still runs after {STOP_SECONDS_MAX:g} s\n  {_REMEDY}")
        return 1
    if is_json:
        say_json({"was_running": True, "pid": owner.pid, **result})
    else:
        say(str(result.get("summary") or f"stopped (pid {owner.pid})"))
    return 0
