"""`emergency-stop`: latch first, then cancel everything, close every paper position, end the process.

The latch is set before anything that can fail: until it is, only the standard library and three small modules of ours
are loaded. It works whether the daemon is healthy, hung, dead or was never there, and says which.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.control.client import ControlError, ControlUnavailableError, call
from supreme_system_v5.adapters.storage import halt
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import HomeLock, Owner, kill_owner, read_owner
from supreme_system_v5.commands.processes import wait_until_gone
from supreme_system_v5.commands.tables import complain, say, say_json
from supreme_system_v5.core.domain.errors import SupremeError

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

ANSWER_SECONDS_MAX: Final = 5.0
END_SECONDS_MAX: Final = 10.0
LOCK_SECONDS_MAX: Final = 3.0

HEALTHY: Final = "healthy"
HUNG: Final = "hung"
DEAD: Final = "dead"
STOPPED: Final = "stopped"
NEVER_STARTED: Final = "never_started"


class Outcome:
    """What was found and done; printed as it happens, or as one JSON document at the end."""

    def __init__(self, is_json: bool) -> None:
        self.is_json = is_json
        self.case = ""
        self.is_latched = False
        self.is_flat: bool | None = None  # None = not known
        self.closed: list[dict[str, Any]] = []
        self.messages: list[str] = []

    def tell(self, text: str) -> None:
        self.messages.append(text)
        if not self.is_json:
            say(text)

    def warn(self, text: str) -> None:
        self.messages.append(text)
        complain(text)

    def exit_code(self) -> int:
        """0 only when the home is latched and known to be flat."""
        return 0 if self.is_latched and self.is_flat else 1


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 = latched and flat; 1 = not latched, not flat, or the position is not known."""
    home = Home(settings.home)
    outcome = Outcome(bool(getattr(args, "json", False)))
    try:
        halt.latch(home.halted_path, "emergency-stop")
        outcome.is_latched = True
        outcome.tell(f"latched: {home.halted_path}; every start is refused until clear-halt")
    except OSError as error:
        outcome.warn(f"the latch {home.halted_path} could not be set: {error.strerror or error}")
    config_error = getattr(args, "config_error", "")
    if config_error:
        outcome.warn(f"the configuration is broken; going on with the defaults: {config_error}")
    answer = _end_daemon(home, outcome)
    try:
        _close_on_journal(settings, home, outcome, answer)
    except SupremeError as error:
        _tell_unknown(outcome, answer, str(error))
    except Exception as error:  # an emergency says what it could not do, in any case
        _tell_unknown(outcome, answer, f"{type(error).__name__}: {error}")
    if outcome.is_flat:
        outcome.tell("FLAT: no open order, no open position")
    if outcome.is_json:
        say_json(
            {
                "case": outcome.case,
                "is_latched": outcome.is_latched,
                "is_flat": outcome.is_flat,
                "closed": outcome.closed,
                "messages": outcome.messages,
            }
        )
    return outcome.exit_code()


def _end_daemon(home: Home, outcome: Outcome) -> dict[str, Any]:
    """End the daemon if there is one; its own answer ({} when it gave none)."""
    owner = read_owner(home.lock_path)
    if owner is None or not owner.is_alive:
        _tell_absent(home, outcome, owner)
        return {}
    try:
        answer = _ask(home, owner)
    except ControlError as error:
        outcome.case = HUNG
        outcome.tell(f"the daemon (pid {owner.pid}) is hung: {error.message}")
        _kill(owner, outcome)
        return {}
    outcome.case = HEALTHY
    outcome.tell(f"the daemon (pid {owner.pid}) is healthy: it closes and ends")
    if not wait_until_gone(owner, END_SECONDS_MAX):
        outcome.tell(f"it has not ended within {END_SECONDS_MAX:g} s")
        _kill(owner, outcome)
    elif answer.get("summary"):
        outcome.tell(str(answer["summary"]))
    return answer


def _tell_absent(home: Home, outcome: Outcome, owner: Owner | None) -> None:
    if owner is not None:
        outcome.case = DEAD
        what = "belongs to another process now, which is left alone" if owner.is_pid_reused else "is gone"
        outcome.tell(f"the daemon is dead: its pid {owner.pid} {what}; working on the journal")
    elif home.journal_path.exists():
        outcome.case = STOPPED
        outcome.tell("no daemon runs: the last one ended in order; looking at the journal")
    else:
        outcome.case = NEVER_STARTED
        outcome.tell(f"no daemon was ever started in {home.root}")


def _ask(home: Home, owner: Owner) -> dict[str, Any]:
    """Give the command. A daemon that is just starting has no socket yet: it gets the same five seconds."""
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while True:
        remaining = max(0.1, deadline - time.monotonic())
        try:
            return call(home.socket_path, "emergency_stop", {}, remaining)
        except ControlUnavailableError:
            if not owner.is_alive:
                return {"summary": "it ended while it was asked"}
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)


def _kill(owner: Owner, outcome: Outcome) -> None:
    if kill_owner(owner):
        outcome.tell(f"pid {owner.pid} killed (its start time is the recorded one)")
    if not wait_until_gone(owner, END_SECONDS_MAX):
        outcome.warn(f"pid {owner.pid} does not go away: the system holds it")


def _close_on_journal(settings: Settings, home: Home, outcome: Outcome, answer: dict[str, Any]) -> None:
    """Whatever the journal still shows open in any account of this home is closed here. Raises SupremeError."""
    from supreme_system_v5.adapters.journal.faults import backups

    if not home.journal_path.exists() and not backups(home.journal_path) and answer.get("flat", True):
        outcome.is_flat = True
        return
    from supreme_system_v5.adapters.journal.reader import JournalReader
    from supreme_system_v5.commands.direct_close import close_all

    lock = _lock(home)
    try:
        with JournalReader(home.journal_path) as reader:
            faults = []
            for done in close_all(settings, reader):
                if isinstance(done, SupremeError):
                    faults.append(done)
                    continue
                outcome.tell(done.line())
                outcome.closed.append(done.fields())
            if faults:
                raise faults[0]
            outcome.is_flat = not reader.open_positions()
            if not outcome.is_flat:
                outcome.warn("NOT FLAT: the journal still shows an open position")
    finally:
        lock.release()


def _lock(home: Home) -> HomeLock:
    """The home's lock, so that nothing starts meanwhile. Raises AlreadyRunningError when it stays taken."""
    lock = HomeLock(home.lock_path)
    deadline = time.monotonic() + LOCK_SECONDS_MAX
    while True:
        try:
            lock.acquire("emergency-stop")
            return lock
        except SupremeError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)


def _tell_unknown(outcome: Outcome, answer: dict[str, Any], why: str) -> None:
    """The journal could not be used: then the daemon's own word is all there is."""
    outcome.warn(why)
    if answer.get("flat") is True:
        outcome.is_flat = True
        outcome.warn("the daemon closed from memory and says that it is flat; the journal needs the remedy above")
        return
    outcome.is_flat = None
    outcome.warn("POSITION UNKNOWN")
