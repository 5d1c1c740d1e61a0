"""`clean`: remove the sessions' artifacts and the caches of the tools. Never touches state/."""

from __future__ import annotations

import argparse
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import read_owner
from supreme_system_v5.commands.tables import complain, say, say_json

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

_KEPT: Final = frozenset({"README.md", ".gitignore", ".gitkeep"})
_CACHES: Final = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "build", "dist")
_SESSION: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
_NOT_ENTERED: Final = frozenset({".git", ".venv", "venv", "state", "run_artifacts", "node_modules"})


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 when everything was removed, 1 when something could not be."""
    home = Home(settings.home)
    owner = read_owner(home.lock_path)
    running = (owner.session or _newest(home)) if owner is not None and owner.is_alive else ""
    targets = [path for path in _listing(home.artifacts_dir) if path.name not in _KEPT and path.name != running]
    if (home.root / "pyproject.toml").is_file() and (home.root / "python" / "supreme_system_v5").is_dir():
        targets += _caches(home.root)
    removed = sum(_remove(path) for path in targets)
    failed = len(targets) - removed
    if getattr(args, "json", False):
        say_json({"removed": removed, "failed": failed, "kept_session": running})
    else:
        kept = f"; the running session {running} stays" if running else ""
        say(f"removed {removed} item(s){kept}; state/ is untouched")
    return 1 if failed else 0


def _newest(home: Home) -> str:
    """The session of a daemon whose lock names none: it took the lock before it had one."""
    names = [path.name for path in _listing(home.artifacts_dir) if _SESSION.fullmatch(path.name)]
    return max(names, default="")


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _caches(root: Path) -> list[Path]:
    """The tools' caches of a clone."""
    found = [root / name for name in _CACHES if (root / name).exists()]
    for place, folders, _files in os.walk(root):
        if "__pycache__" in folders:
            found.append(Path(place) / "__pycache__")
        folders[:] = [name for name in folders if name not in _NOT_ENTERED and name not in _CACHES]
        folders[:] = [name for name in folders if name != "__pycache__"]
    return found


def _remove(path: Path) -> bool:
    """Remove a file, a link (not what it points to) or a folder with all that is in it."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        complain(f"cannot remove {path}: {error.strerror}")
        return False
    return True
