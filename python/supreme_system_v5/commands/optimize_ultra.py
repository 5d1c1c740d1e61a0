"""optimize-ultra: looks at the settings of the host that matter to a small daemon, explains each, changes none."""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from supreme_system_v5 import build_info
from supreme_system_v5.commands.status import show
from supreme_system_v5.config import Settings

OPEN_FILES_MIN: Final = 1024
SWAPPINESS_MAX: Final = 30
MB: Final = 1024 * 1024


class Advice(NamedTuple):
    """One setting: what it is now, whether that is good, why it matters, and how to change it."""

    name: str
    is_good: bool | None  # None: not to be seen here
    found: str
    why: str
    change: str


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print the table. Always 0: advice is no failure."""
    found = [check(settings) for check in CHECKS]
    if args.json:
        print(json.dumps({"schema_version": 1, "checks": [item._asdict() for item in found]}, indent=2))
        return 0
    for item in found:
        mark = {True: "good", False: "look", None: "-"}[item.is_good]
        show(f"{mark:<5} {item.name:<18} {item.found}")
        if item.is_good is False:
            show(f"      {'':<18} why: {item.why}\n      {'':<18} do:  {item.change}")
    todo = sum(item.is_good is False for item in found)
    show(f"\n{todo} to look at; nothing was changed" if todo else "\nnothing to improve here")
    return 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _meminfo(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def _core(_settings: Settings) -> Advice:
    core = build_info.core()
    why = "the compiled core takes about a third of the CPU of the pure one"
    return Advice("core", core == build_info.COMPILED, core, why, "install a C compiler, then: make setup-ultra")


def _loop(_settings: Settings) -> Advice:
    import importlib.util

    has = importlib.util.find_spec("uvloop") is not None
    why = "uvloop needs 20-30 % less CPU for each message"
    return Advice("event loop", has, "uvloop" if has else "asyncio's own", why, ".venv/bin/pip install uvloop")


def _memory(settings: Settings) -> Advice:
    free, total = _meminfo("MemAvailable"), _meminfo("MemTotal")
    found = f"{free // MB} of {total // MB} MB available, budget {settings.max_ram_mb} MB"
    why = "below the budget the kernel may end the daemon before its own limit does"
    return Advice("memory", free // MB >= settings.max_ram_mb if total else None, found, why, "lower MAX_RAM_MB")


def _swap(_settings: Settings) -> Advice:
    total = _meminfo("SwapTotal")
    swappiness = _read("/proc/sys/vm/swappiness")
    if not total:
        why = "with 1 GB of RAM a little swap keeps an update of the system from ending the daemon"
        do = "fallocate -l 512M /swap && chmod 600 /swap && mkswap /swap && swapon /swap"
        return Advice("swap", _meminfo("MemTotal") > 2048 * MB, "none", why, do)
    good = swappiness.isdigit() and int(swappiness) <= SWAPPINESS_MAX
    why = "a high swappiness swaps the idle daemon out; the next trade then waits for the disk"
    return Advice("swap", good, f"{total // MB} MB, swappiness {swappiness}", why, "sysctl -w vm.swappiness=10")


def _huge_pages(_settings: Settings) -> Advice:
    text = _read("/sys/kernel/mm/transparent_hugepage/enabled")
    found = re.search(r"\[(\w+)\]", text)
    if found is None:
        return Advice("huge pages", None, "not to be seen here", "", "")
    why = "'always' rounds small arenas up to 2 MB pages: more RSS, and stalls while pages are merged"
    do = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
    return Advice("huge pages", found.group(1) != "always", found.group(1), why, do)


def _files(_settings: Settings) -> Advice:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    why = "sockets, journal and logs need few, but a low limit turns a reconnect into a failure"
    return Advice("open files", soft >= OPEN_FILES_MIN, f"{soft}", why, f"ulimit -n {OPEN_FILES_MIN}")


def _core_dumps(_settings: Settings) -> Advice:
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    found = "off" if soft == 0 else "on" if soft == resource.RLIM_INFINITY else f"up to {soft} bytes"
    why = "a core dump holds what the memory held, keys too, and may fill a small disk"
    return Advice("core dumps", soft == 0, found, why, "ulimit -c 0")


def _governor(_settings: Settings) -> Advice:
    text = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if not text:
        return Advice("CPU governor", None, "not to be seen here (a virtual machine)", "", "")
    why = "a CPU that sleeps deep wakes late: p99 latency suffers"
    return Advice("CPU governor", text != "powersave", text, why, "cpupower frequency-set -g performance")


def _clock_source(_settings: Settings) -> Advice:
    text = _read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    took = []
    for _ in range(200):
        began = time.perf_counter_ns()
        time.monotonic_ns()
        took.append(time.perf_counter_ns() - began)
    cost = statistics.median(took)
    why = "every frame is stamped; a slow clock source makes each stamp a system call"
    do = "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, where the host offers it"
    return Advice("clock source", cost < 1000, f"{text or 'unknown'}, {cost:.0f} ns a reading", why, do)


def _clock_sync(_settings: Settings) -> Advice:
    for name in ("chronyd", "ntpd", "systemd-timesyn", "openntpd"):
        for comm in Path("/proc").glob("[0-9]*/comm"):
            if _read(str(comm)).startswith(name):
                return Advice("clock sync", True, name, "", "")
    why = "frames whose time is more than 5 s off are rejected, and live orders need a right clock"
    return Advice("clock sync", False, "no time service seen", why, "timedatectl set-ntp true")


def _disk(settings: Settings) -> Advice:
    place = next(folder for folder in (settings.home, *settings.home.parents) if folder.is_dir())
    path = place / f".sync-{os.getpid()}"
    took = []
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(20):
                began = time.perf_counter()
                file.write(b"x" * 4096)
                os.fsync(file.fileno())
                took.append(1000 * (time.perf_counter() - began))
    except OSError as error:
        return Advice(
            "disk sync", False, f"cannot write in {place}: {error.strerror}", "", "set SUPREME_HOME elsewhere"
        )
    finally:
        path.unlink(missing_ok=True)
    found = f"fsync median {statistics.median(took):.2f} ms, worst {max(took):.1f} ms"
    why = "an order waits until its intent is on disk; over 1 s is a journal fault"
    return Advice("disk sync", statistics.median(took) < 20, found, why, "put SUPREME_HOME on a local SSD")


def _load(_settings: Settings) -> Advice:
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    why = "what runs beside the daemon delays its event loop"
    return Advice("load", load <= cores, f"{load:.2f} on {cores} cores", why, "stop what is not needed, or nice it")


CHECKS: tuple[Callable[[Settings], Advice], ...] = (
    _core,
    _loop,
    _memory,
    _swap,
    _huge_pages,
    _files,
    _core_dumps,
    _governor,
    _clock_source,
    _clock_sync,
    _disk,
    _load,
)
