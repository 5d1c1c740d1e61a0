"""`import-data`: files of trades or 1-minute bars into the store, checked and sorted. See docs/data.md."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands.tables import say, say_json
from supreme_system_v5.core.domain.errors import ConfigError

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 when the rows are stored, whatever was found in them. Raises ConfigError, DataError."""
    from supreme_system_v5.history.import_files import import_files
    from supreme_system_v5.history.open import require_pyarrow
    from supreme_system_v5.history.report import render
    from supreme_system_v5.history.store import Store

    require_pyarrow()
    if not args.file:
        raise ConfigError("FILE is missing: the file to import", "make import-data FILE=bars.csv.gz SYMBOL=ETH-USDT")
    store = Store(Home(settings.home).data_dir)
    done = import_files(store, args.file, args.symbol or "", args.market or "", not args.json)
    if args.json:
        say_json({"series": list(done.series), "days": len(done.days), "reports": [done.report.as_json()]})
        return 0
    folder = store.folder_of(done.series)
    say(f"{len(done.days)} days of {done.series} in {folder}: {done.days[0]} to {done.days[-1]}")
    say(render([done.report]))
    return 0
