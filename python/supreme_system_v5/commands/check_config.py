"""check-config: each effective setting and where it comes from; with a fault, what was given and the fault."""

from __future__ import annotations

import argparse
import json
import os
import sys

from supreme_system_v5 import config
from supreme_system_v5.commands.tables import complain
from supreme_system_v5.config import Settings

EXIT_CONFIG = 2


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 usable, with warnings where a value is hardly meant; 2 not usable."""
    fault = args.config_error
    rows = config.given_rows(os.environ, settings) if fault else config.rows(settings)
    warnings = [] if fault else config.warnings(settings)
    if args.json:
        document = {
            "schema_version": 1,
            "env_file": str(settings.env_file),
            "home": str(settings.home),
            "settings": rows,
            "warnings": warnings,
            "fault": fault,
        }
        print(json.dumps(document, indent=2))
        return EXIT_CONFIG if fault else 0
    state = "" if settings.env_file.is_file() else " (not there: defaults)"
    print(f"file  {settings.env_file}{state}\nhome  {settings.home}\n")
    key_width = max(len(row["key"]) for row in rows)
    value_width = max(len(row["value"]) for row in rows)
    for row in rows:
        print(f"{row['key']:<{key_width}}  {row['value']:<{value_width}}  {row['origin']}")
    print()
    for text in warnings:
        print(f"warning: {text}")
    if fault:
        sys.stdout.flush()
        complain(f"configuration: not usable\n{fault}")
        return EXIT_CONFIG
    print("configuration: ok" + (", with warnings" if warnings else ""))
    return 0
