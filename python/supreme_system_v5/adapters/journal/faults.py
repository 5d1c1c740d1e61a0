"""SQLite's and the system's complaints, said so that a person knows the file and the remedy."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from supreme_system_v5.core.domain.errors import JournalFault

# Part of SQLite's message -> what it means. Texts, because Python 3.10 has no error codes on these exceptions.
_MEANINGS: Final = (
    ("not a database", "corrupt"),
    ("malformed", "corrupt"),
    ("no such table", "corrupt"),
    ("no such column", "corrupt"),
    ("is full", "full"),
    ("readonly", "permission"),
    ("read-only", "permission"),
    ("unable to open", "permission"),
    ("disk i/o", "io"),
    ("locked", "locked"),
    ("busy", "locked"),
)

_FULL_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def backups(path: Path) -> list[Path]:
    """The daily backups of a journal file, newest first."""
    return sorted((path.parent / "backup").glob(f"{path.stem}-????????.db"), reverse=True)


def restore_remedy(path: Path) -> str:
    """What to do about a journal that cannot be read: names the newest backup."""
    found = backups(path)
    aside = f"move {path.name} (and {path.name}-wal, {path.name}-shm) aside"
    if not found:
        return f"there is no backup yet in {path.parent / 'backup'}; {aside} to start over with a new account"
    return f"the newest backup is {found[0]}; {aside} and copy the backup to {path}"


def meaning_of(error: BaseException) -> str:
    """corrupt | full | permission | io | locked | other."""
    if isinstance(error, OSError):
        if error.errno in _FULL_ERRNOS:
            return "full"
        return "permission" if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else "io"
    text = str(error).lower()
    for part, meaning in _MEANINGS:
        if part in text:
            return meaning
    return "other"


def fault_from(error: sqlite3.Error | OSError, path: Path, doing: str) -> JournalFault:
    """The JournalFault for an error met while ``doing`` something ("open", "write")."""
    meaning = meaning_of(error)
    if meaning == "corrupt":
        return JournalFault(f"the journal {path} is corrupt ({error})", restore_remedy(path))
    if meaning == "full":
        return JournalFault(f"cannot {doing} the journal {path}: the disk is full", f"free space under {path.parent}")
    if meaning == "permission":
        return JournalFault(
            f"cannot {doing} the journal {path}: no permission ({error})",
            f"give the user that runs this read and write permission on {path.parent} and the files in it",
        )
    if meaning == "locked":
        return JournalFault(
            f"cannot {doing} the journal {path}: another program holds it locked",
            "close the program that has the file open (an sqlite3 shell?)",
        )
    return JournalFault(f"cannot {doing} the journal {path}: {error}", "check the disk and the system's log")
