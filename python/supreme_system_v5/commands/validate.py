"""validate: can this machine run the daemon? A table of OK, WARN and FAIL, each with a remedy; exit 1 on a FAIL."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from supreme_system_v5 import build_info
from supreme_system_v5.config import Settings

OK, WARN, FAIL = "OK", "WARN", "FAIL"
PYTHON_FLOOR = (3, 10)
PYTHON_TESTED = (3, 13)
PACKAGES = ("aiohttp", "dotenv", "loguru", "msgspec", "mypy_extensions", "prometheus_client", "psutil", "websockets")
DISK_FREE_MB_MIN = 100
DISK_FREE_MB_GOOD = 1_000
CLOCK_FLOOR_S = 1_767_225_600  # 2026-01-01: a machine without a clock battery starts decades earlier
CLOCK_DIVERGENCE_MS_MAX = 50.0


class Result(NamedTuple):
    """One line of the table."""

    name: str
    verdict: str
    found: str
    remedy: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--brief", action="store_true", help="only what is not OK")


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print the table; 1 when a line is FAIL."""
    results = [_config(settings, args.config_error), *(check(settings) for check in CHECKS)]
    failed = sum(result.verdict == FAIL for result in results)
    if args.json:
        checks = [result._asdict() for result in results]
        print(json.dumps({"schema_version": 1, "ok": failed == 0, "checks": checks}, indent=2))
        return 1 if failed else 0
    for result in results:
        if args.brief and result.verdict == OK:
            continue
        print(f"{result.verdict:<5} {result.name:<10} {result.found}")
        if result.verdict != OK and result.remedy:
            print(f"                 -> {result.remedy}")
    warned = sum(result.verdict == WARN for result in results)
    print(f"environment: {'not usable' if failed else 'ok'} ({failed} failed, {warned} to look at)")
    return 1 if failed else 0


def _config(settings: Settings, error: str) -> Result:
    if error:
        return Result("config", FAIL, error.splitlines()[0], "correct it; `make check-config` shows every key")
    return Result("config", OK, str(settings.env_file) if settings.env_file.is_file() else "defaults")


def _python(_settings: Settings) -> Result:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < PYTHON_FLOOR:
        return Result("python", FAIL, found, "install Python 3.10 or newer")
    if sys.version_info[:2] > PYTHON_TESTED:
        return Result("python", WARN, found, "tested on 3.10 to 3.13 only")
    return Result("python", OK, found)


def _packages(_settings: Settings) -> Result:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        return Result("packages", FAIL, f"missing: {', '.join(missing)}", "make setup-ultra")
    if importlib.util.find_spec("uvloop") is None:
        return Result("packages", OK, f"{len(PACKAGES)} found, no uvloop (asyncio's own loop is used)")
    return Result("packages", OK, f"{len(PACKAGES)} found, uvloop too")


def _venv(_settings: Settings) -> Result:
    if sys.prefix == sys.base_prefix:
        return Result("venv", WARN, "not in a virtual environment", "make setup-ultra builds .venv")
    return Result("venv", OK, sys.prefix)


def _core(settings: Settings) -> Result:
    core = build_info.core()
    if core == build_info.PURE and settings.optimized_mode:
        remedy = (
            "works, at about a third of the speed; install a C compiler and Python's headers, then: make setup-ultra"
        )
        return Result("core", WARN, "pure", remedy)
    return Result("core", OK, core)


def _memory(settings: Settings) -> Result:
    import psutil

    memory = psutil.virtual_memory()
    total_mb, free_mb = memory.total // 2**20, memory.available // 2**20
    found = f"{total_mb} MB, {free_mb} MB available, budget {settings.max_ram_mb} MB"
    if total_mb < settings.max_ram_mb:
        return Result("memory", FAIL, found, "lower MAX_RAM_MB, or use a larger machine")
    if free_mb < settings.max_ram_mb:
        return Result("memory", WARN, found, "free some memory, or lower MAX_RAM_MB")
    return Result("memory", OK, found)


def _cpu(_settings: Settings) -> Result:
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    found = f"{cores} core{'s' if cores > 1 else ''}, load {load:.2f}"
    if load > cores * 2:
        return Result("cpu", WARN, found, "something else is using the CPU; latency figures will suffer")
    return Result("cpu", OK, found)


def _disk(settings: Settings) -> Result:
    free_mb = shutil.disk_usage(_nearest(settings.home)).free // 2**20
    found = f"{free_mb} MB free at {settings.home}"
    if free_mb < DISK_FREE_MB_MIN:
        return Result("disk", FAIL, found, f"free at least {DISK_FREE_MB_MIN} MB, or set SUPREME_HOME elsewhere")
    if free_mb < DISK_FREE_MB_GOOD:
        return Result("disk", WARN, found, "the journal and the logs need room; make clean removes old sessions")
    return Result("disk", OK, found)


def _home(settings: Settings) -> Result:
    place = _nearest(settings.home)
    try:
        with tempfile.NamedTemporaryFile(dir=place):
            pass
    except OSError as error:
        return Result(
            "home", FAIL, f"cannot write in {place}: {error.strerror}", "correct its owner, or set SUPREME_HOME"
        )
    return Result("home", OK, f"{settings.home} is writable")


def _port(settings: Settings) -> Result:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", settings.metrics_port))
        except OSError as error:
            found = f"127.0.0.1:{settings.metrics_port}: {error.strerror}"
            return Result("port", WARN, found, "a daemon is running, or set METRICS_PORT to a free port (0 = any)")
    return Result(
        "port", OK, f"127.0.0.1:{settings.metrics_port} is free" if settings.metrics_port else "any free port"
    )


def _clock(_settings: Settings) -> Result:
    wall, steady = time.time(), time.monotonic()
    time.sleep(0.05)
    drift_ms = abs((time.time() - wall) - (time.monotonic() - steady)) * 1_000
    found = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(wall))
    if wall < CLOCK_FLOOR_S:
        return Result("clock", FAIL, found, "the clock is wrong: timedatectl set-ntp true")
    if drift_ms > CLOCK_DIVERGENCE_MS_MAX:
        return Result(
            "clock", WARN, f"{found}, stepped by {drift_ms:.0f} ms", "something is setting the clock just now"
        )
    return Result("clock", OK, found)


def _sqlite(_settings: Settings) -> Result:
    if sqlite3.sqlite_version_info < (3, 24, 0):
        return Result("sqlite", FAIL, sqlite3.sqlite_version, "the journal needs SQLite 3.24 or newer")
    return Result("sqlite", OK, sqlite3.sqlite_version)


def _nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if place.is_dir())


CHECKS: tuple[Callable[[Settings], Result], ...] = (
    _python,
    _packages,
    _venv,
    _core,
    _sqlite,
    _memory,
    _cpu,
    _disk,
    _home,
    _port,
    _clock,
)
