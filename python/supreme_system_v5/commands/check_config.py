"""check-config: each effective setting and where it comes from."""

from __future__ import annotations

import argparse
import json

from supreme_system_v5 import config
from supreme_system_v5.config import Settings


def main(settings: Settings, args: argparse.Namespace) -> int:
    rows = config.rows(settings)
    if args.json:
        document = {
            "schema_version": 1,
            "env_file": str(settings.env_file),
            "home": str(settings.home),
            "settings": rows,
        }
        print(json.dumps(document, indent=2))
        return 0
    state = "" if settings.env_file.is_file() else " (not there: defaults)"
    print(f"file  {settings.env_file}{state}\nhome  {settings.home}\n")
    key_width = max(len(row["key"]) for row in rows)
    value_width = max(len(row["value"]) for row in rows)
    for row in rows:
        print(f"{row['key']:<{key_width}}  {row['value']:<{value_width}}  {row['origin']}")
    print("\nconfiguration: ok")
    return 0
