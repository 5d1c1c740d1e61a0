"""`close-breaker NAME=<breaker>`: close a breaker of the running daemon by hand."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.control.client import ControlUnavailableError, call
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands.tables import complain, say, say_json

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 closed, 2 no name given or no daemon to ask. Raises ControlError with the daemon's answer when it says no."""
    name = getattr(args, "name", None) or os.environ.get("NAME", "")
    if not name:
        complain("which breaker? NAME=<breaker>; `status` lists them")
        return 2
    try:
        result = call(Home(settings.home).socket_path, "close_breaker", {"name": name})
    except ControlUnavailableError:
        complain("not running: a breaker is closed in a running daemon; start it first")
        return 2
    if getattr(args, "json", False):
        say_json({"breaker": name, **result})
    else:
        say(f"breaker {name} closed")
    return 0
