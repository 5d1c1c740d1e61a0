"""`trades`: closed trades and open positions of this home, from the journal; a daemon may be running."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.journal.faults import backups
from supreme_system_v5.adapters.journal.reader import JournalReader
from supreme_system_v5.adapters.journal.words import AccountKey, OpenPosition
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.commands.tables import render_table, say, say_json
from supreme_system_v5.core.domain.effects import TradeRecord
from supreme_system_v5.core.domain.money import format_e8, plain_e8

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

TRADES_MAX: Final = 50
_HEADERS: Final = (
    "closed UTC",
    "account",
    "side",
    "quantity",
    "entry",
    "exit",
    "gross",
    "fees",
    "funding",
    "net",
    "by",
    "marks",
)
_LEFT: Final = ("closed UTC", "account", "side", "by", "marks")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=TRADES_MAX, metavar="N", help="the last N trades of each account")


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Always 0. Raises JournalFault or ConfigError when there is a journal that cannot be read."""
    path = Home(settings.home).journal_path
    limit = max(1, int(getattr(args, "limit", None) or TRADES_MAX))
    closed: list[tuple[AccountKey, TradeRecord]] = []
    left_open: list[OpenPosition] = []
    totals: list[tuple[AccountKey, int]] = []
    if path.exists() or backups(path):
        with JournalReader(path) as reader:
            for key in reader.accounts():
                trades = reader.trades(key, limit)
                closed += [(key, trade) for trade in trades]
                totals.append((key, reader.counts(key)["trades"]))
            left_open = reader.open_positions()
    closed.sort(key=lambda item: item[1].closed_ns)
    if getattr(args, "json", False):
        say_json(
            {
                "trades": [_trade_json(key, trade) for key, trade in closed],
                "open": [_open_json(position) for position in left_open],
            }
        )
        return 0
    if closed:
        say(render_table(_HEADERS, [_row(key, trade) for key, trade in closed], _LEFT))
    for key, count in totals:
        own = [trade for account, trade in closed if account == key]
        if own:
            shown = f"the last {len(own)} of {count}" if count > len(own) else str(count)
            net = format_e8(sum(trade.net_e8 for trade in own), 2)
            say(f"{key.label}: {shown} trade{'' if count == 1 else 's'}, net {net}")
    for position in left_open:
        say(f"OPEN {open_words(position)}")
    if not closed and not left_open:
        say("no trade yet")
    return 0


def _marks(key: AccountKey, trade: TradeRecord) -> str:
    marks = ["SIMULATED"] if key.is_simulated or trade.is_simulated else []
    if trade.is_while_down:
        marks.append("while_down")
    if trade.is_forced_mark:
        marks.append("forced_mark")
    return " ".join(marks)


def _side(side: int) -> str:
    return "LONG" if side > 0 else "SHORT"


def _row(key: AccountKey, trade: TradeRecord) -> tuple[str, ...]:
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(trade.closed_ns // 1_000_000_000)),
        f"{key.market} {key.symbol}",
        _side(trade.side),
        plain_e8(trade.quantity_e8),
        format_e8(trade.entry_price_e8, 2),
        format_e8(trade.exit_price_e8, 2),
        format_e8(trade.gross_e8, 4),
        format_e8(trade.fees_e8, 4),
        format_e8(trade.funding_e8, 4),
        format_e8(trade.net_e8, 4),
        trade.exit_reason,
        _marks(key, trade),
    )


def open_words(position: OpenPosition) -> str:
    """An open position in one line: account, side, quantity, entry, stop."""
    stop = position.position.get("stop_trigger_e8", 0)
    stop_text = f", stop {format_e8(stop, 2)}" if isinstance(stop, int) and stop > 0 else ""
    return (
        f"{position.key.label}: {_side(position.quantity_e8)} {plain_e8(abs(position.quantity_e8))} "
        f"at {format_e8(position.entry_price_e8, 2)}{stop_text}"
    )


def _trade_json(key: AccountKey, trade: TradeRecord) -> dict[str, Any]:
    return {
        "account": key.id,
        "mode": key.mode,
        "source_class": key.source_class,
        "market": key.market,
        "symbol": key.symbol,
        "entry_order_id": trade.entry_order_id,
        "side": _side(trade.side),
        "opened_time_ns": trade.opened_ns,
        "closed_time_ns": trade.closed_ns,
        "quantity": plain_e8(trade.quantity_e8),
        "entry_price": plain_e8(trade.entry_price_e8),
        "exit_price": plain_e8(trade.exit_price_e8),
        "gross": plain_e8(trade.gross_e8),
        "fees": plain_e8(trade.fees_e8),
        "funding": plain_e8(trade.funding_e8),
        "net": plain_e8(trade.net_e8),
        "exit_reason": trade.exit_reason,
        "strategy": trade.strategy,
        "is_simulated": key.is_simulated or trade.is_simulated,
        "while_down": trade.is_while_down,
        "forced_mark": trade.is_forced_mark,
    }


def _open_json(position: OpenPosition) -> dict[str, Any]:
    key = position.key
    return {
        "account": key.id,
        "mode": key.mode,
        "source_class": key.source_class,
        "market": key.market,
        "symbol": key.symbol,
        "side": _side(position.quantity_e8),
        "quantity": plain_e8(abs(position.quantity_e8)),
        "entry_price": plain_e8(position.entry_price_e8),
        "stop": plain_e8(int(str(position.position.get("stop_trigger_e8", 0)))),
        "opened_time_ns": position.position.get("opened_ns", 0),
    }
