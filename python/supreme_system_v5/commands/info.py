"""info: what is installed and where everything is."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import sqlite3
import sys
from pathlib import Path
from typing import Any

import supreme_system_v5
from supreme_system_v5 import build_info
from supreme_system_v5.adapters.monitoring.report import session_dirs
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands.status import show
from supreme_system_v5.config import Settings

PACKAGES = ("aiohttp", "loguru", "msgspec", "prometheus_client", "uvloop", "websockets")


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print versions, core, paths and the digest of the settings."""
    facts = collect(settings)
    if args.json:
        print(json.dumps({"schema_version": 1, **facts}, indent=2))
        return 0
    for name, value in facts.items():
        shown = "  ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else value
        show(f"{name:<12} {shown}")
    return 0


def collect(settings: Settings) -> dict[str, Any]:
    """The facts, by name."""
    home = Home(settings.home)
    sessions = session_dirs(home.artifacts_dir)
    described = build_info.describe()
    return {
        "version": described["version"],
        "core": described["core"],
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores",
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: _version(name) for name in PACKAGES},
        "package_at": str(Path(supreme_system_v5.__file__).parent),
        "home": str(home.root),
        "journal": _with_size(home.journal_path),
        "socket": str(home.socket_path),
        "env_file": str(settings.env_file) + ("" if settings.env_file.is_file() else " (not there: defaults)"),
        "settings": f"digest {settings_digest(settings)}",
        "trading": f"{settings.execution_mode}, {settings.market}, {','.join(settings.symbols)}, {settings.strategy}",
        "sources": ",".join(settings.data_sources),
        "sessions": f"{len(sessions)}" + (f", newest {sessions[0].name}" if sessions else ""),
    }


def settings_digest(settings: Settings) -> str:
    """First 16 hex of SHA-256 over KEY=value lines, sorted: equal digests, equal settings (places left out)."""
    lines = sorted(f"{key}={value}" for key, value in settings.texts.items() if key != "SUPREME_HOME")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _with_size(path: Path) -> str:
    try:
        return f"{path} ({path.stat().st_size / 1e6:.2f} MB)"
    except OSError:
        return f"{path} (none yet)"
