"""The halt latch: while `state/HALTED` exists every start is refused. Its existence is all that counts."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from supreme_system_v5.core.domain.errors import ConfigError, HaltedError


def is_halted(path: Path) -> bool:
    """True when the latch is set, readable or not."""
    return os.path.lexists(path)


def latch(path: Path, reason: str) -> None:
    """Set the latch and sync it; a latch that is set stays as it is. Raises OSError when it cannot be created.

    The empty file is created and synced first: on a full disk that may be all that succeeds, and it is enough.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        _sync_directory(path.parent)
        os.write(handle, json.dumps({"time_ns": time.time_ns(), "reason": reason}).encode())
        os.fsync(handle)
    except OSError:
        pass  # the name is there
    finally:
        os.close(handle)


def read(path: Path) -> dict[str, object]:
    """Time (`time_ns`) and `reason` of the latch; {} when it is not set or says nothing."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def clear(path: Path) -> None:
    """Remove the latch and sync the removal. Raises ConfigError when it cannot be removed."""
    try:
        path.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except OSError as error:
        raise ConfigError(f"cannot remove {path}: {error.strerror}", f"give permission on {path.parent}") from None


def refuse_if_halted(path: Path) -> None:
    """Raises HaltedError, with time and reason, when the latch is set. For every start."""
    if not is_halted(path):
        return
    said = read(path)
    when = ""
    if isinstance(said.get("time_ns"), int):
        seconds = int(str(said["time_ns"])) // 1_000_000_000
        when = time.strftime(" since %Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    raise HaltedError(
        f"halted{when}: {said.get('reason', 'no reason recorded')}",
        f"look at what happened, then: make clear-halt (the latch is {path})",
    )


def _sync_directory(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
