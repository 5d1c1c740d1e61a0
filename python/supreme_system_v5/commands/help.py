"""help: the commands by group."""

from __future__ import annotations

import argparse
import json
import os
import sys

from supreme_system_v5.config import Settings
from supreme_system_v5.verbs import GROUPS, LATER, VERBS, Verb


def main(settings: Settings, args: argparse.Namespace) -> int:
    del settings
    show(args.json)
    return 0


def show(is_json: bool) -> None:
    """Also run by itself (`make help`), where nothing is installed yet."""
    if is_json:
        verbs = [{"name": v.name, "group": v.group, "about": _about(v), "available": v.module != LATER} for v in VERBS]
        print(json.dumps({"schema_version": 1, "commands": verbs}))
        return
    print("make <command> [KEY=value ...]   or   .venv/bin/python main.py <command> [--json]\n")
    for group in GROUPS:
        print(group)
        for verb in VERBS:
            if verb.group == group and not verb.is_alias:
                print(f"  {verb.name:<16} {_about(verb)}")
    print("\nFirst run: make run-ultra-local      A look around: make demo      Settings: make check-config")


def _about(verb: Verb) -> str:
    return f"{verb.about} (not available yet)" if verb.module == LATER else verb.about


if __name__ == "__main__":
    try:
        show("--json" in sys.argv)
        sys.stdout.flush()
    except BrokenPipeError:  # `make help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
