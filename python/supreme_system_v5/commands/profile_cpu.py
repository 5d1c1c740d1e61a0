"""profile-cpu: where the daemon's time goes, measured on a short run against a separate exchange."""

from __future__ import annotations

import argparse
import os
import pstats
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

from supreme_system_v5.commands import measuring
from supreme_system_v5.commands.measuring import MeasureError, Processes
from supreme_system_v5.commands.status import show
from supreme_system_v5.config import Settings

DURATION_SECONDS: Final = 20.0
SPEED: Final = "20"
TOP: Final = 25
# The clock is the thread's CPU time: waiting for the next frame costs nothing and must not be on top of the list.
PROFILE_CODE: Final = """
import cProfile, sys, time
from pathlib import Path
from supreme_system_v5.cli import main
profile = cProfile.Profile(time.thread_time)
try:
    code = profile.runcall(main, sys.argv[3:], Path(sys.argv[1]) if sys.argv[1] else None)
finally:
    profile.dump_stats(sys.argv[2])
sys.exit(code)
"""
Line = tuple[float, float, int, str]  # own seconds, seconds with callees, calls, where


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print the table by room and the functions with the most time of their own."""
    seconds = float(args.duration or DURATION_SECONDS)
    speed = os.environ.get("SUPREME_SIM_SPEED") or os.environ.get("SIM_SPEED") or SPEED
    with tempfile.TemporaryDirectory(prefix="supreme-") as place:
        folder = Path(place)
        out = folder / "profile"
        sys.stderr.write(f"profiling the daemon for {seconds:g} s on a simulated market at {speed}x ...\n")
        with Processes(settings, folder, {"SIM_SPEED": speed}) as processes:
            processes.start_exchange()
            command = measuring.cli(PROFILE_CODE, str(out), "run", "--duration", f"{seconds:g}")
            daemon = processes.start_daemon(command)
            try:
                daemon.wait(seconds + measuring.READY_SECONDS)
            except subprocess.TimeoutExpired:
                raise MeasureError(f"the daemon did not end by itself{processes.said('daemon')}") from None
            if not out.is_file():
                raise MeasureError(f"no profile came out{processes.said('daemon')}")
        lines = read_profile(out)
    if args.json:
        rows = [dict(zip(("own_s", "total_s", "calls", "where"), line, strict=True)) for line in lines[:TOP]]
        print(measuring.as_json({"schema_version": 1, "seconds": seconds, "rooms": rooms(lines), "functions": rows}))
    else:
        show(render(lines, seconds))
    return 0


def read_profile(path: Path) -> list[Line]:
    """Functions by time of their own, the most first."""
    stats = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    lines: list[Line] = [
        (own, total, calls, place(file, number, name))
        for (file, number, name), (_, calls, own, total, _) in stats.items()
    ]
    return sorted(lines, reverse=True)


def place(file: str, number: int, name: str) -> str:
    """A short name of where a function is: room and file for ours, package for others."""
    for mark in ("supreme_system_v5/", "site-packages/", "/lib/"):
        if mark in file:
            file = file.rpartition(mark)[2]
            break
    return name if file.startswith("~") else f"{file}:{number} {name}"


def room(where: str) -> str:
    """The room (folder) a function belongs to."""
    file = where.split(":", maxsplit=1)[0]
    if " " in file or not file.endswith(".py"):
        return "built in and compiled"
    parts = file.split("/")
    return "/".join(parts[: 2 if parts[0] in ("core", "adapters") else 1])


def rooms(lines: list[Line]) -> dict[str, float]:
    """Own seconds by room, the most first."""
    found: dict[str, float] = defaultdict(float)
    for own, _, _, where in lines:
        found[room(where)] += own
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def render(lines: list[Line], seconds: float) -> str:
    """Both tables for people."""
    total = sum(line[0] for line in lines) or 1.0
    used = f"{total:.2f} s of CPU in {seconds:g} s on a SIMULATED market (a good part of it the profiler's own)"
    out = [used, ""]
    out += [f"{own:8.2f} s {100 * own / total:5.1f} %  {name}" for name, own in list(rooms(lines).items())[:15]]
    out += ["", "  own s  with callees      calls  function"]
    out += [f"{own:7.3f} {both:13.3f} {calls:10,}  {where}" for own, both, calls, where in lines[:TOP]]
    return "\n".join(out)
