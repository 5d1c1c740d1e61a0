"""What the benches share: the package from a clone, settings without a user's `.env`, the table, the JSON, the verdict.

A figure has a value, a target and a verdict; a bench ends with 1 when one is missed, or when it has fewer samples than
asked. The report is saved as run_artifacts/<session>/<bench>.json and .txt (`make results` shows it), or with
``--json FILE`` where that says.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

CLONE = Path(__file__).resolve().parent.parent

if importlib.util.find_spec("supreme_system_v5") is None:  # a clone that is not installed
    sys.path.insert(0, str(CLONE / "python"))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CLONE / "python"), os.environ.get("PYTHONPATH", "")]))

from supreme_system_v5.adapters.monitoring.report import save_report  # noqa: E402 - found only now
from supreme_system_v5.adapters.storage.home import Home  # noqa: E402 - found only now
from supreme_system_v5.commands.bench_light import Row  # noqa: E402 - found only now
from supreme_system_v5.config import Settings, default_settings, load_settings  # noqa: E402 - found only now

RECORDINGS = {
    "spot": ("spot_ethusdt_20240808.jsonl.gz", "spot_ethusdt_20240809.jsonl.gz"),
    "usdm": ("usdm_ethusdt_20240808.jsonl.gz",),
}
FRAMES_PER_SECOND = {"spot": 112.0, "usdm": 194.0}  # of the recordings, at 1x
MB = 1024 * 1024


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def recording(market: str) -> str:
    """SIM_RECORDING of a market. Ends the bench with 2 where there are no recordings."""
    folder = os.environ.get("SUPREME_DATA_DIR", "")
    files = [Path(folder) / "frames" / name for name in RECORDINGS[market]]
    if not folder or not all(path.is_file() for path in files):
        sys.stderr.write("set SUPREME_DATA_DIR to the folder with the recordings; there is nothing to measure\n")
        raise SystemExit(2)
    return ",".join(str(path) for path in files)


def settings_of(home: Path, **keys: object) -> Settings:
    """The defaults with these keys, whatever the user's `.env` says."""
    return load_settings({key: str(value) for key, value in keys.items()} | {"SUPREME_HOME": str(home)}, home)


def new_session() -> Any:
    """A session folder under run_artifacts/ of the home (SUPREME_HOME or the clone)."""
    home = Home(default_settings(os.environ, CLONE).home)
    home.create()
    return home.new_session(time.time_ns())


def parser(text: str | None) -> argparse.ArgumentParser:
    """With the option every bench has."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", metavar="FILE", help="write the figures here instead of below run_artifacts/")
    return made


def below(name: str, value: float, limit: float, unit: str, places: int = 2) -> Row:
    """A row that is met below its limit; a value that is missing (inf, nan) is a miss."""
    return Row(name, f"{value:.{places}f} {unit}", f"< {limit:g} {unit}", value < limit)


def told(name: str, value: str) -> Row:
    """A row that is not judged."""
    return Row(name, value, "", None)


def enough(name: str, count: float, asked: float) -> Row:
    """Fewer samples than asked is a miss, not a success."""
    return Row(name, f"{count:,.0f}", f">= {asked:,.0f}", count >= asked)


def finish(name: str, title: str, rows: list[Row], found: dict[str, Any], folder: Path, json_file: str | None) -> int:
    """Print the table, save the report; the exit code."""
    words = {True: "ok", False: "MISSED", None: ""}
    missed = [row.name for row in rows if row.is_met is False]
    width = max(len(row.name) for row in rows)
    lines = [title, ""]
    lines += [f"  {r.name:<{width}}  {r.value:<26} {r.target:<16} {words[r.is_met]}".rstrip() for r in rows]
    lines += ["", f"missed: {', '.join(missed)}" if missed else "every target is met"]
    text = "\n".join(lines)
    document = {
        "schema_version": 1,
        "bench": name,
        "ok": not missed,
        "missed": missed,
        "rows": [row._asdict() for row in rows],
        **found,
    }
    if json_file:
        path = Path(json_file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")
    else:
        path = save_report(folder, name, document, text)
    say(f"{text}\nreport {path}")
    return 1 if missed else 0


def core() -> str:
    """Which core the processes of this bench run."""
    from supreme_system_v5 import build_info

    return build_info.core()
