"""profile-memory: what each part costs when it is loaded, and which lines hold memory in a running daemon."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from supreme_system_v5.commands import measuring
from supreme_system_v5.commands.measuring import MeasureError, Processes
from supreme_system_v5.commands.status import show
from supreme_system_v5.config import Settings

DURATION_SECONDS: Final = 15.0
TOP: Final = 15
# In the order in which the daemon meets them: what is shared counts for the first.
PARTS: Final = (
    ("Python itself", ""),
    ("asyncio", "asyncio"),
    ("sqlite3, decimal, json", "sqlite3, decimal, json"),
    ("msgspec", "msgspec"),
    ("websockets", "websockets.asyncio.client"),
    ("aiohttp client", "aiohttp"),
    ("aiohttp server", "aiohttp.web"),
    ("prometheus_client", "prometheus_client"),
    ("loguru", "loguru"),
    ("uvloop", "uvloop"),
    ("our core", "supreme_system_v5.core.engine.engine"),
    ("our views and metrics", "supreme_system_v5.adapters.monitoring.view"),
)
PARTS_CODE: Final = """
import importlib, json, sys
def rss():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096
rows, before = [], 0
for name, modules in json.loads(sys.argv[2]):
    try:
        for module in modules.split(', '):
            if module:
                importlib.import_module(module)
    except ImportError:
        continue
    now = rss()
    rows.append([name, now - before])
    before = now
print(json.dumps(rows))
"""
TRACE_CODE: Final = """
import sys, tracemalloc
tracemalloc.start(1)
import json
from pathlib import Path
from supreme_system_v5.cli import main
try:
    code = main(sys.argv[3:], Path(sys.argv[1]) if sys.argv[1] else None)
finally:
    now, peak = tracemalloc.get_traced_memory()
    lines = [[str(s.traceback[0]), s.size, s.count] for s in tracemalloc.take_snapshot().statistics('lineno')]
    Path(sys.argv[2]).write_text(json.dumps({'now': now, 'peak': peak, 'lines': lines}))
sys.exit(code)
"""


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print what the parts cost, and the rooms and lines that hold Python memory at the end of a short run."""
    seconds = float(args.duration or DURATION_SECONDS)
    parts = part_costs()
    sys.stderr.write(f"tracing the memory of a daemon for {seconds:g} s ...\n")
    with tempfile.TemporaryDirectory(prefix="supreme-") as place:
        traced = trace(settings, Path(place), seconds)
    found = {"schema_version": 1, "parts_bytes": dict(parts), "rooms_bytes": rooms(traced["lines"]), **traced}
    if args.json:
        print(measuring.as_json({**found, "lines": traced["lines"][:TOP]}))
    else:
        show(render(found))
    return 0


def part_costs() -> list[tuple[str, int]]:
    """RSS added by each part, in bytes, in a fresh process."""
    done = subprocess.run(
        measuring.cli(PARTS_CODE, json.dumps(PARTS)), capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    if done.returncode != 0:
        raise MeasureError(f"the parts could not be loaded: {done.stderr.strip().splitlines()[-1:]}")
    return [(str(name), int(size)) for name, size in json.loads(done.stdout)]


def trace(settings: Settings, folder: Path, seconds: float) -> dict[str, Any]:
    """tracemalloc of a daemon against a separate exchange. Raises MeasureError."""
    out = folder / "trace.json"
    with Processes(settings, folder) as processes:
        processes.start_exchange()
        command = measuring.cli(TRACE_CODE, str(out), "run", "--duration", f"{seconds:g}")
        daemon = processes.start_daemon(command)
        try:
            daemon.wait(seconds + measuring.READY_SECONDS)
        except subprocess.TimeoutExpired:
            raise MeasureError(f"the daemon did not end by itself{processes.said('daemon')}") from None
        if not out.is_file():
            raise MeasureError(f"no trace came out{processes.said('daemon')}")
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def rooms(lines: list[Any]) -> dict[str, int]:
    """Bytes by room of ours, or by package, the most first."""
    sizes: dict[str, int] = {}
    for where, size, _ in lines:
        name = _room(str(where))
        sizes[name] = sizes.get(name, 0) + int(size)
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _room(where: str) -> str:
    file = where.rpartition(":")[0]
    if "supreme_system_v5/" in file:
        parts = file.rpartition("supreme_system_v5/")[2].split("/")
        return "/".join(parts[: 2 if parts[0] in ("core", "adapters") else 1])
    if "site-packages/" in file:
        return file.rpartition("site-packages/")[2].split("/")[0]
    return "Python"


def render(found: dict[str, Any]) -> str:
    """The three tables for people."""
    mb = 1024 * 1024
    parts = found["parts_bytes"]
    out = ["RSS when loaded, each on top of those before it"]
    out += [f"{size / mb:8.2f} MB  {name}" for name, size in parts.items()]
    out += [f"{sum(parts.values()) / mb:8.2f} MB  together", ""]
    out.append(
        f"Python objects at the end of the run ({found['now'] / mb:.1f} MB, peak {found['peak'] / mb:.1f}), by room"
    )
    out += [f"{size / mb:8.2f} MB  {name}" for name, size in list(found["rooms_bytes"].items())[:TOP]]
    out += ["", "and by line"]
    for where, size, count in found["lines"][:TOP]:
        short = str(where).rpartition("site-packages/")[2].rpartition("/python/")[2]
        out.append(f"{size / 1024:8.0f} kB  {count:8,} objects  {short}")
    return "\n".join(out)
