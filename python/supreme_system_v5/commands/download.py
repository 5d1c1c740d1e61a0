"""`download`: history of a symbol into the store, from the venue's archives and REST. See docs/data.md."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands.tables import complain, say, say_json
from supreme_system_v5.core.domain.errors import ConfigError

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings
    from supreme_system_v5.history.download import Outcome

KINDS = {"bars": ("bars",), "trades": ("trades",), "both": ("bars", "trades")}
_EXAMPLE = "make download SYMBOL=ETH-USDT FROM=2024-08-01 TO=2024-08-03"


def main(settings: Settings, args: argparse.Namespace) -> int:
    """0 when every day is stored, whatever was found in it; 1 when a day is not. Raises ConfigError, NetworkError."""
    from supreme_system_v5.history.download import Download, Sources
    from supreme_system_v5.history.kinds import DAY_MS, MARKETS, Range, parse_range, venue_symbol
    from supreme_system_v5.history.open import require_pyarrow
    from supreme_system_v5.history.store import Store

    require_pyarrow()
    market = args.market or settings.market
    if market not in MARKETS:
        raise ConfigError(f"MARKET={market} is not known", "spot or usdm")
    kind = args.kind or "both"
    if kind not in KINDS:
        raise ConfigError(f"KIND={kind} is not known", "bars, trades or both")
    begin = getattr(args, "from")
    if not begin:
        raise ConfigError("FROM is missing: the first day to download", _EXAMPLE)
    span = parse_range(begin, args.to or begin[:10])
    span = Range(span.from_ms - span.from_ms % DAY_MS, span.to_ms + -span.to_ms % DAY_MS)
    symbol = args.symbol or settings.symbol
    rest_url = settings.binance_spot_rest_url if market == "spot" else settings.binance_usdm_rest_url
    store = Store(Home(settings.home).data_dir)
    download = Download(
        store,
        market,
        venue_symbol(symbol),
        KINDS[kind],
        span,
        Sources(settings.binance_archive_url, rest_url),
        not args.json,
    )
    try:
        outcome = download.run()
    except KeyboardInterrupt:
        complain("interrupted: what is stored stays, and the same command goes on from here")
        raise
    _tell(outcome, args)
    return 1 if outcome.failures else 0


def _tell(outcome: Outcome, args: argparse.Namespace) -> None:
    from supreme_system_v5.history.report import render

    if args.json:
        say_json(
            {
                "stored_days": outcome.stored,
                "days_already_there": outcome.were_there,
                "rows": outcome.rows,
                "failures": outcome.failures,
                "reports": [report.as_json() for report in outcome.reports],
            }
        )
    else:
        there = f", {outcome.were_there} were there already" if outcome.were_there else ""
        say(f"{outcome.stored} days stored{there}")
        say(render(outcome.reports))
    for failure in outcome.failures:
        complain(f"NOT STORED: {failure}")
