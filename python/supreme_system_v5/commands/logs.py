"""logs: the last lines of a session's log, readable; --follow goes on."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.monitoring.log import FILE_NAME
from supreme_system_v5.adapters.monitoring.report import session_dirs
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands.status import show
from supreme_system_v5.config import Settings

LINES = 50
FOLLOW_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lines", type=int, default=LINES, metavar="N", help=f"how many lines (default {LINES})")
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print the tail; 1 when there is no log to show."""
    folder = find_session(Home(settings.home).artifacts_dir, args.session)
    if folder is None:
        what = f"no log of session {args.session}" if args.session else "no log"
        show(f"there is {what} in {Home(settings.home).artifacts_dir}")
        show("  a session writes one while LOG_TO_FILE=true; make run-ultra-local starts one")
        return 1
    path = folder / FILE_NAME
    if not args.json:
        show(f"{path}")
    lines = tail(path, max(1, getattr(args, "lines", LINES)))
    for line in lines:
        print(line) if args.json else show(readable(line))
    if not lines and not args.json:
        show("  nothing yet: the log has trades, modes and warnings, no line per tick")
    if getattr(args, "follow", False):
        _follow(path, args.json)
    return 0


def find_session(artifacts_dir: Path, name: str | None) -> Path | None:
    """The folder of a named session (a part of the name is enough), or of the newest one that has a log."""
    for folder in session_dirs(artifacts_dir):
        if (not name or name in folder.name) and (folder / FILE_NAME).is_file():
            return folder
    return None


def tail(path: Path, count: int) -> list[str]:
    """The last lines of the log, the rotated files included, oldest first."""
    stem = path.name.split(".")[0]
    rotated = sorted(file for file in path.parent.glob(f"{stem}.*.jsonl") if file != path)
    lines: deque[str] = deque(maxlen=count)
    for file in [*rotated, path]:
        with file.open(encoding="utf-8", errors="replace") as handle:
            lines.extend(line.rstrip("\n") for line in handle)
    return list(lines)


def readable(line: str) -> str:
    """A JSON line as "12:01:03 warning  text"; anything else as it is."""
    try:
        data: Any = json.loads(line)
        text = f"{data['time'][:19].replace('T', ' ')} {data['level'].lower():<8} {data['message']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
    extra = " ".join(f"{key}={value}" for key, value in (data.get("extra") or {}).items())
    error = str(data.get("error") or "").rstrip().replace("\n", "\n    ")
    return text + (f"  [{extra}]" if extra else "") + (f"\n    {error}" if error else "")


def _follow(path: Path, is_json: bool) -> None:
    handle = path.open(encoding="utf-8", errors="replace")
    handle.seek(0, 2)
    try:
        while True:
            line = handle.readline()
            if line:
                print(line.rstrip("\n")) if is_json else show(readable(line.rstrip("\n")))
                sys.stdout.flush()
                continue
            time.sleep(FOLLOW_SECONDS)
            if path.exists() and path.stat().st_ino != _inode(handle):  # rotated
                handle.close()
                handle = path.open(encoding="utf-8", errors="replace")
    except KeyboardInterrupt:
        pass
    finally:
        handle.close()


def _inode(handle: Any) -> int:
    import os

    return os.fstat(handle.fileno()).st_ino
