"""When to kill: seeded moments, and windows that are watched for from outside, by the kernel's and the journal's word.

- position: the journal shows a position.
- in_flight: the journal holds an intent whose outcome is not known yet.
- settling: a start has found a position and is finding out what happened to it meanwhile.
- commit: the journal's thread is inside a write or sync of the WAL. It is caught there by SIGSTOP, which takes a
  thread only on its way out of the system call: SQLite has not been told the outcome when the process dies.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.system.world import Daemon

# x86-64 and arm64 numbers of what SQLite does to the WAL at a commit: pwrite64, fdatasync, fsync.
_CALLS: Final = {"x86_64": {"18", "75", "74"}, "aarch64": {"68", "83", "82"}}
WAIT_SECONDS: Final = 25.0


def until(condition: Callable[[], bool], daemon: Daemon, pause_seconds: float, seconds: float = WAIT_SECONDS) -> bool:
    """Poll finely; False when it did not happen in time (the kill then is one at a random moment)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        if daemon.process.poll() is not None:
            raise AssertionError(f"the daemon ended by itself, it said:\n{daemon.said()}")
        if pause_seconds:
            time.sleep(pause_seconds)
    return False


class Watcher:
    """A read-only look at the journal while the daemon writes it."""

    def __init__(self, journal: Path) -> None:
        self._db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True, isolation_level=None)

    def close(self) -> None:
        self._db.close()

    def has_position(self) -> bool:
        return self._db.execute("SELECT 1 FROM ledger WHERE position_e8 <> 0").fetchone() is not None

    def is_settling(self) -> bool:
        row = self._db.execute("SELECT value_json FROM state WHERE key = 'unwatched_since'").fetchone()
        return row is not None and row[0] != "0"

    def has_pending(self) -> bool:
        return self._db.execute("SELECT 1 FROM orders WHERE state = 'PENDING_SUBMIT'").fetchone() is not None


def can_watch_commits() -> bool:
    """True where the kernel tells which system call a thread of ours is in."""
    try:
        return os.uname().machine in _CALLS and Path(f"/proc/{os.getpid()}/syscall").read_text() != ""
    except OSError:
        return False


class CommitCatcher:
    """Stops a daemon inside a write or sync of its WAL."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._calls = _CALLS[os.uname().machine]
        self._tasks = Path(f"/proc/{daemon.pid}/task")

    def _thread_in_wal(self) -> str:
        """The thread that is in such a call now, "" when none is."""
        for task in self._tasks.iterdir():
            if int(task.name) == self._daemon.pid:
                continue
            try:
                fields = (task / "syscall").read_text().split()
            except OSError:
                continue
            if fields[0] in self._calls and self._is_wal(int(fields[1], 16)):
                return task.name
        return ""

    def _is_wal(self, descriptor: int) -> bool:
        try:
            return os.readlink(f"/proc/{self._daemon.pid}/fd/{descriptor}").endswith("journal.db-wal")
        except OSError:
            return False

    def catch(self) -> bool:
        """True when the daemon now stands still inside the call."""
        if not self._thread_in_wal():
            return False
        self._daemon.signal(signal.SIGSTOP)
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline and not self._is_stopped():
            time.sleep(0.0005)
        if self._thread_in_wal():
            return True
        self._daemon.signal(signal.SIGCONT)  # it was out again before the signal reached it
        return False

    def _is_stopped(self) -> bool:
        for task in self._tasks.iterdir():
            try:
                if (task / "stat").read_text().rpartition(")")[2].split()[0] not in ("T", "t"):
                    return False
            except OSError:
                return False
        return True


def wait_for(window: str, daemon: Daemon, rng: random.Random) -> bool:
    """Wait for the moment to kill. True when the window was met."""
    if window == "start":
        time.sleep(rng.uniform(0.05, 2.0))
        return True
    if window == "settling":
        return _wait_settling(daemon, rng)
    daemon.wait_active()
    if window == "random":
        time.sleep(rng.uniform(0.0, 3.0))
        return True
    if window == "commit":
        time.sleep(rng.uniform(0.0, 1.0))
        return until(CommitCatcher(daemon).catch, daemon, 0.0)
    watcher = Watcher(daemon.world.home.journal_path)
    try:
        if window == "in_flight":
            return until(watcher.has_pending, daemon, 0.0005)
        is_met = until(watcher.has_position, daemon, 0.002)
        if is_met and window == "position":
            time.sleep(rng.uniform(0.0, 0.4))
        return is_met
    finally:
        watcher.close()


def _wait_settling(daemon: Daemon, rng: random.Random) -> bool:
    watcher = Watcher(daemon.world.home.journal_path)
    try:
        is_met = until(watcher.is_settling, daemon, 0.0005, 8.0)
        if is_met:
            time.sleep(rng.choice((0.0, 0.0, 0.01, 0.05, 0.1)))
        return is_met and watcher.is_settling()
    finally:
        watcher.close()
