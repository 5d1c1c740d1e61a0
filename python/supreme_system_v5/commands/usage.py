"""usage: RSS, CPU and disk of the daemon against the budget."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

from supreme_system_v5.adapters.control.client import ControlError, ControlUnavailableError
from supreme_system_v5.adapters.monitoring.text import number, table
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands.status import read_status, show
from supreme_system_v5.config import Settings

BYTES_PER_MB = 1024 * 1024
BAR_WIDTH = 24


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print the table; memory and CPU only when a daemon runs."""
    facts = collect(settings)
    if args.json:
        print(json.dumps(facts, indent=2))
    else:
        show(render(facts))
    return 0


def collect(settings: Settings) -> dict[str, Any]:
    """Everything used and its limit, in bytes and percent of a core."""
    home = Home(settings.home)
    try:
        status, why = read_status(settings), ""
    except ControlUnavailableError:
        status, why = {}, "no daemon is running (make run-ultra-local starts one)"
    except ControlError as error:
        status, why = {}, error.message
    used = table(status, "resources")
    place = next(folder for folder in (home.root, *home.root.parents) if folder.is_dir())
    return {
        "schema_version": 1,
        "running": bool(status),
        "not_running": why,
        "rss_bytes": used.get("rss_bytes"),
        "peak_rss_bytes": used.get("peak_rss_bytes"),
        "max_ram_bytes": int(number(used.get("max_ram_mb"), settings.max_ram_mb) * BYTES_PER_MB),
        "cpu_percent": used.get("cpu_percent"),
        "max_cpu_percent": number(used.get("max_cpu_percent"), settings.max_cpu_percent),
        "loop_lag_ms_p99": used.get("loop_lag_ms_p99"),
        "loop_lag_ms_max": settings.loop_lag_ms_max,
        "journal_bytes": sum(_size(path) for path in home.state_dir.glob("journal.db*")),
        "state_bytes": folder_bytes(home.state_dir),
        "artifacts_bytes": folder_bytes(home.artifacts_dir),
        "disk_free_bytes": shutil.disk_usage(place).free,
    }


def render(facts: dict[str, Any]) -> str:
    """The table for people."""
    lines = []
    if facts["running"]:
        rss, limit = number(facts["rss_bytes"]), number(facts["max_ram_bytes"])
        peak = f"peak {number(facts['peak_rss_bytes']) / BYTES_PER_MB:.1f} MB"
        lines.append(_line("memory", rss / limit, f"{rss / BYTES_PER_MB:.1f} of {limit / BYTES_PER_MB:.0f} MB, {peak}"))
        cpu, cpu_limit = number(facts["cpu_percent"]), number(facts["max_cpu_percent"])
        lines.append(_line("CPU, 60 s", cpu / cpu_limit, f"{cpu:.1f} of {cpu_limit:g} % of a core"))
        lag, lag_limit = number(facts["loop_lag_ms_p99"]), number(facts["loop_lag_ms_max"])
        lines.append(_line("loop lag", lag / lag_limit, f"{lag:.1f} of {lag_limit:g} ms (p99)"))
    else:
        lines.append(f"memory and CPU: {facts['not_running']}")
    for name, key in (("journal", "journal_bytes"), ("state", "state_bytes"), ("sessions", "artifacts_bytes")):
        lines.append(f"{name:<10} {number(facts[key]) / BYTES_PER_MB:10.1f} MB")
    lines.append(f"{'disk free':<10} {number(facts['disk_free_bytes']) / BYTES_PER_MB:10.0f} MB")
    return "\n".join(lines)


def _line(name: str, share: float, text: str) -> str:
    filled = round(BAR_WIDTH * min(1.0, max(0.0, share)))
    return f"{name:<10} {'█' * filled}{'░' * (BAR_WIDTH - filled)} {100 * share:4.0f} %  {text}"


def folder_bytes(folder: Path) -> int:
    """The size of all files below a folder; files that vanish meanwhile do not count."""
    return sum(_size(Path(place) / name) for place, _, names in os.walk(folder) for name in names)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
