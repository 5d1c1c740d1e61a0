"""The home folder: what outlives sessions is in `state/`, what one process start makes in `run_artifacts/`."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from supreme_system_v5.core.domain.errors import ConfigError

# sun_path holds 108 bytes with its final zero; a path that is longer cannot be bound at all.
SOCKET_PATH_BYTES_MAX: Final = 100


@dataclass(frozen=True)
class Session:
    """One process start."""

    id: str  # UTC start time + 4 hex, e.g. 20261120T123601Z-9f3a
    dir: Path


class Home:
    """The paths of one home. Creating the object touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.state_dir = self.root / "state"
        self.journal_path = self.state_dir / "journal.db"
        self.backup_dir = self.state_dir / "backup"
        self.lock_path = self.state_dir / "lock"
        self.halted_path = self.state_dir / "HALTED"
        self.artifacts_dir = self.root / "run_artifacts"
        self.data_dir = self.root / "data"  # downloaded and imported history
        self._socket_note = self.state_dir / "control.path"

    def create(self) -> None:
        """Make the folders. Raises ConfigError naming the folder and the remedy."""
        for folder in (self.state_dir, self.artifacts_dir):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigError(
                    f"cannot create {folder}: {error.strerror}",
                    "free space or give permission there, or set SUPREME_HOME to a folder of yours",
                ) from None
            if not os.access(folder, os.W_OK | os.X_OK):
                raise ConfigError(
                    f"no permission to write in {folder}", "change its owner, or set SUPREME_HOME to a folder of yours"
                )

    def new_session(self, time_ns: int) -> Session:
        """A new session folder for a start at wall time ``time_ns`` (ns UTC). Raises ConfigError."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time_ns // 1_000_000_000))
        while True:
            name = f"{stamp}-{os.urandom(2).hex()}"
            folder = self.artifacts_dir / name
            try:
                folder.mkdir(mode=0o700, parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise ConfigError(
                    f"cannot create {folder}: {error.strerror}", f"free space or give permission in {self.root}"
                ) from None
            return Session(name, folder)

    @property
    def socket_path(self) -> Path:
        """Where the control socket is: in state/, or where `prepare_socket_path` put it when that is too long."""
        direct = self.state_dir / "control.sock"
        if len(os.fsencode(direct)) <= SOCKET_PATH_BYTES_MAX:
            return direct
        try:
            noted = Path(self._socket_note.read_text().strip())
        except OSError:
            return direct
        return noted if _is_private_dir(noted.parent) else direct

    def prepare_socket_path(self) -> Path:
        """The path the daemon shall bind; makes a private temporary folder when state/ is too deep.

        Call it with the home's lock held. Raises ConfigError.
        """
        path = self.socket_path
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
            return path
        try:
            path = Path(tempfile.mkdtemp(prefix="supreme-")) / "control.sock"
            part = self._socket_note.with_suffix(".part")
            part.write_text(f"{path}\n")
            part.replace(self._socket_note)
        except OSError as error:
            raise ConfigError(
                f"cannot make a control socket: {error.strerror or error}",
                f"the folder {self.state_dir} is too deep for one; set SUPREME_HOME to a shorter path",
            ) from None
        return path


def _is_private_dir(folder: Path) -> bool:
    """True for a folder of our own that nobody else can enter: a name in /tmp proves nothing by itself."""
    try:
        info = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and stat.S_IMODE(info.st_mode) & 0o077 == 0
