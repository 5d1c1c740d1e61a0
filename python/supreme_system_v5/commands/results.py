"""results: the newest report (end of a session, bench), or those of SESSION=<name>."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.monitoring.report import reports_in, session_dirs
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.adapters.storage.lock import read_owner
from supreme_system_v5.commands.status import show
from supreme_system_v5.config import Settings


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print it; 1 when there is none. With --json the report's JSON, with its path."""
    home = Home(settings.home)
    artifacts = home.artifacts_dir
    reports = find_reports(artifacts, args.session)
    unfinished = find_unfinished(home, args.session)
    if unfinished and not args.json:
        show(f"{unfinished}; the report before it:\n" if reports else unfinished)
    if not reports:
        where = f"session {args.session}" if args.session else str(artifacts)
        show(f"there is no report in {where}")
        show("  a session writes its summary when it ends; make bench-light measures")
        return 1
    if args.json:
        documents = [{"path": str(path), "report": _document(path)} for path in reports]
        print(json.dumps({"schema_version": 1, "unfinished": unfinished, "reports": documents}, indent=2))
        return 0
    for path in reports:
        show(path.read_text(encoding="utf-8", errors="replace").rstrip("\n"))
        page = path.with_suffix(".html")
        show(f"{path}{f'   page: {page}' if page.is_file() else ''}\n")
    return 0


def find_reports(artifacts_dir: Path, session: str | None) -> list[Path]:
    """All text reports of a named session, else the newest report of the newest session that has one."""
    for folder in session_dirs(artifacts_dir):
        if session and session not in folder.name:
            continue
        reports = reports_in(folder)
        if reports:
            return reports if session else reports[:1]
    return []


def find_unfinished(home: Home, session: str | None) -> str:
    """What the newest session (of that name) does where its report should be; "" when it has one."""
    folder = next((item for item in session_dirs(home.artifacts_dir) if not session or session in item.name), None)
    if folder is None or reports_in(folder):
        return ""
    owner = read_owner(home.lock_path)
    if owner is not None and owner.is_alive and owner.session == folder.name:
        return f"session {folder.name} is running"
    if (folder / "exchange.out").exists():  # a bench: it holds no lock of this home, so nobody knows
        return f"session {folder.name} is a bench that still measures, or was killed"
    return f"session {folder.name} ended without a summary (killed)"


def _document(path: Path) -> Any:
    try:
        return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"text": path.read_text(encoding="utf-8", errors="replace")}
