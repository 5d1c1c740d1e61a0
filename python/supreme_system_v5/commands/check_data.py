"""`check-data`: what is missing, repeated, impossible or odd in files or in the store; changes nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands.tables import say, say_json
from supreme_system_v5.core.domain.errors import ConfigError

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings
    from supreme_system_v5.history.report import Report


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 when no fault was found, 1 otherwise. Raises ConfigError, DataError."""
    from supreme_system_v5.history.import_files import survey_files
    from supreme_system_v5.history.open import require_pyarrow
    from supreme_system_v5.history.report import render

    require_pyarrow()
    reports = [survey_files(args.file)] if args.file else _of_store(settings, args)
    if args.json:
        say_json({"reports": [report.as_json() for report in reports]})
    else:
        say(render(reports))
    return 0 if all(report.is_clean for report in reports) else 1


def _of_store(settings: Settings, args: argparse.Namespace) -> list[Report]:
    from supreme_system_v5.history.kinds import BARS, TRADES, parse_range
    from supreme_system_v5.history.store import Store, series
    from supreme_system_v5.history.survey import survey_store

    store = Store(Home(settings.home).data_dir)
    span = parse_range(getattr(args, "from") or "", args.to or "")
    market, symbol = args.market or settings.market, args.symbol or settings.symbol
    if args.kind not in (None, BARS, TRADES):
        raise ConfigError(f"KIND={args.kind} is not known", "bars or trades")
    wanted = [series(market, symbol, kind) for kind in ((args.kind,) if args.kind else (BARS, TRADES))]
    reports = [survey_store(store, item, span) for item in wanted if store.days(item)]
    if not reports:
        raise ConfigError(f"there is nothing of {market} {symbol} in {store.folder}", "make download, or FILE=<a file>")
    return reports
