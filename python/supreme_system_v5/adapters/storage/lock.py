"""One daemon a home: an flock, and in the file who holds it.

The owner is recorded as pid and start time. A pid alone proves nothing: after a crash or a reboot it may belong to
anybody, and that process is never signalled.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from supreme_system_v5.core.domain.errors import AlreadyRunningError, ConfigError


@dataclass(frozen=True)
class Owner:
    """Who wrote the lock file."""

    pid: int
    identity: str  # see process_identity
    session: str

    @property
    def is_alive(self) -> bool:
        """True when that very process still runs."""
        return self.identity != "" and process_identity(self.pid) == self.identity

    @property
    def is_pid_reused(self) -> bool:
        """True when the pid now belongs to another process."""
        now = process_identity(self.pid)
        return now not in ("", self.identity)


def process_identity(pid: int) -> str:
    """What tells this process from any other that ever had its pid: boot id and start tick. "" when it is gone.

    A zombie counts as gone: it does nothing any more.
    """
    try:
        # The name field may hold spaces and brackets: what follows the last ")" is regular.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return "" if Path("/proc/self/stat").exists() else _identity_without_proc(pid)
    except OSError:
        return ""
    if fields[0] in ("Z", "X", "x"):
        return ""
    return f"{boot}:{fields[19]}"


def _identity_without_proc(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"psutil:{process.create_time():.2f}"
    except psutil.Error:
        return ""


def read_owner(path: Path) -> Owner | None:
    """Who last held the lock of a home; None when nobody did or it was released in order."""
    try:
        value = json.loads(path.read_text())
        return Owner(int(value["pid"]), str(value["identity"]), str(value["session"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def kill_owner(owner: Owner) -> bool:
    """SIGKILL the owner if it is still that very process; False when it is not and nothing was signalled."""
    if not hasattr(os, "pidfd_open"):
        if not owner.is_alive:
            return False
        os.kill(owner.pid, signal.SIGKILL)
        return True
    try:
        handle = os.pidfd_open(owner.pid)  # pins the process: its pid cannot be reused between check and signal
    except (ProcessLookupError, OSError):
        return False
    try:
        if not owner.is_alive:
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


class HomeLock:
    """The lock of one home; held until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = -1

    @property
    def is_held(self) -> bool:
        return self._handle >= 0

    def acquire(self, session: str = "") -> None:
        """Take the lock and record this process. Raises AlreadyRunningError naming the pid, ConfigError."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"cannot open the lock {self.path}: {error.strerror}", f"give permission on {self.path.parent}"
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._record(handle, session)
        except BlockingIOError:
            os.close(handle)
            owner = read_owner(self.path)
            who = f"pid {owner.pid}" if owner is not None else "a process that is just starting"
            raise AlreadyRunningError(
                f"another daemon runs in {self.path.parent.parent} ({who})",
                "stop it with: make stop; or give this one its own SUPREME_HOME",
            ) from None
        except OSError as error:
            os.close(handle)
            raise ConfigError(
                f"cannot take the lock {self.path}: {error.strerror}", "free space, or use a local disk"
            ) from None
        self._handle = handle

    @staticmethod
    def _record(handle: int, session: str) -> None:
        pid = os.getpid()
        text = json.dumps({"pid": pid, "identity": process_identity(pid), "session": session})
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)
        os.fsync(handle)

    def release(self) -> None:
        """Give the lock back and leave no owner behind. The file stays: removing it would race a new owner."""
        if self._handle < 0:
            return
        try:
            os.ftruncate(self._handle, 0)
        except OSError:
            pass  # the identity in it proves that the owner is gone
        os.close(self._handle)
        self._handle = -1
