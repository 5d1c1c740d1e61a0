"""Reports in a session's folder: the same content as JSON for machines and as text for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SUMMARY: Final = "summary"
BENCH_LIGHT: Final = "bench-light"


def save_report(folder: Path, name: str, document: Mapping[str, object], text: str) -> Path:
    """Write `<name>.json` and `<name>.txt`; returns the path of the text. Raises OSError.

    The text goes last: whoever finds it finds a complete JSON beside it.
    """
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2, default=str) + "\n", encoding="utf-8")
    path = folder / f"{name}.txt"
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return path


def session_dirs(artifacts_dir: Path) -> list[Path]:
    """The sessions' folders, the newest first (their names begin with the UTC start time)."""
    try:
        found = [path for path in artifacts_dir.iterdir() if path.is_dir() and path.name[:1].isdigit()]
    except OSError:
        return []
    return sorted(found, key=lambda path: path.name, reverse=True)


def reports_in(folder: Path) -> list[Path]:
    """The text reports of a session, the newest first."""
    try:
        found = [path for path in folder.iterdir() if path.suffix == ".txt"]
    except OSError:
        return []
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
