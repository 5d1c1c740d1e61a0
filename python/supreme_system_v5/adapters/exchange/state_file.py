"""The exchange's state on disk: one file, replaced as a whole, so that a restart loses nothing and doubles nothing.

The file holds secrets: only its owner may read it. Large states are written by a forked copy of the process (the copy
is a snapshot of one moment), so that nobody waits for the disk; small ones at once. A lock keeps two exchanges from
sharing a file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from supreme_system_v5.core.domain.errors import ConfigError

FORMAT: Final = "simulated exchange"
VERSION: Final = 1
Body = dict[str, Any]


class StateFile:
    """``path``: where; the folder must exist. Use it as a context: it is locked from __enter__ to __exit__."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None
        self._child = 0

    def __enter__(self) -> StateFile:
        """Raises ConfigError when the folder is not there or another exchange has the file."""
        name = self.path.with_name(self.path.name + ".lock")
        try:
            self._lock = name.open("ab")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"state file {self.path} is used by another exchange", "give each its own --state"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"state file {self.path}: {error.strerror}", "give a file in a folder that exists"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def load(self) -> Body | None:
        """What was saved; None where there is no file. Raises ConfigError naming a file that cannot be used."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"state file {self.path}: {error.strerror}", "give a readable file") from None
        return decode(text, self.path)

    def save(self, body: Mapping[str, Any]) -> None:
        """Replace the file, atomically. Raises OSError; the old file is whole then."""
        self.wait()
        write(self.path, body)

    def save_aside(self, make_body: Callable[[], Mapping[str, Any]]) -> bool:
        """The same by a forked copy; False while the one before is still at it, or when no copy could be made."""
        if not self._is_free():
            return False
        try:
            child = os.fork()
        except OSError:
            return False
        if child:
            self._child = child
            return True
        # The copy: no signal of the parent's, none of its exit handlers, and the CPU that nobody else wants.
        code = 1
        with contextlib.suppress(BaseException):
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.nice(19)
            write(self.path, make_body())
            code = 0
        os._exit(code)

    def _is_free(self) -> bool:
        if self._child:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(self._child, os.WNOHANG)[0] == 0:
                    return False
            self._child = 0
        return True

    def wait(self) -> None:
        """Until no copy is writing."""
        if self._child:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._child, 0)
            self._child = 0


def write(path: Path, body: Mapping[str, Any]) -> None:
    """Into a temporary file, to the disk, then in place of the old one. Raises OSError."""
    temporary = path.with_name(path.name + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(encode(body))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def encode(body: Mapping[str, Any]) -> bytes:
    """Two lines of JSON: a head with the checksum of the second, the body."""
    second = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    head = {"format": FORMAT, "version": VERSION, "bytes": len(second), "sha256": hashlib.sha256(second).hexdigest()}
    return json.dumps(head).encode() + b"\n" + second + b"\n"


def decode(text: bytes, path: Path) -> Body:
    """The body. Raises ConfigError saying what is wrong with the file and what to do."""
    first, _, second = text.partition(b"\n")
    second = second.rstrip(b"\n")
    try:
        head = json.loads(first)
        is_ours = isinstance(head, dict) and head.get("format") == FORMAT
    except ValueError:
        is_ours = False
    if not is_ours:
        raise refused(path, "is not a state of the exchange, or its beginning is damaged")
    if head.get("version") != VERSION:
        raise refused(path, f"is of version {head.get('version')!r}, this exchange reads {VERSION}")
    if head.get("bytes") != len(second) or head.get("sha256") != hashlib.sha256(second).hexdigest():
        raise refused(path, f"is damaged: {len(second)} of {head.get('bytes')} bytes, or the checksum does not match")
    body: Body = json.loads(second)
    return body


def refused(path: Path, what: str) -> ConfigError:
    """The error for a file that is not used."""
    return ConfigError(
        f"state file {path} {what}; nothing was changed",
        f"move it away to begin anew (mv {path} {path}.old), or bring back a copy, or give another --state",
    )
