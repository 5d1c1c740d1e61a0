"""The whole state of a generated market: restored, it goes on as if it had never stopped, number for number.

past.py keeps a smaller one, for a market that is resumed after a downtime and draws its book anew.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket

STATE_KIND: Final = "generated market, whole"
STATE_VERSION: Final = 1
_TRADES_KEPT: Final = 5_000
_SECONDS_KEPT: Final = 1_100
_MARKS_KEPT: Final = 100
_PATH: Final = (
    "fair",
    "anchor",
    "fast",
    "slow",
    "multiplier",
    "script_seconds",
    "_drift_ticks",
    "_drift_seconds",
)
_LEVELS: Final = ("bid", "ask", "update_id", "sent_update_id")
_MARKET: Final = (
    "next_trade_id",
    "restarts",
    "last_ns",
    "_draw",
    "_burst",
    "_is_buying",
    "_path_ns",
    "_second_ns",
    "_sweep_ns",
    "_quote_ns",
    "_depth_ns",
    "_mark_ns",
)


def save(market: GeneratedMarket) -> dict[str, Any]:
    """JSON-able. What REST can look back at is shorter afterwards: the book's past is not in it."""
    levels, book = market.levels, market.book
    version, numbers, _ = market.rng.getstate()
    rows = len(market.seconds)
    return {
        "kind": STATE_KIND,
        "version": STATE_VERSION,
        "market": market.market,
        "seed": market.seed,
        "profile": [market.profile.name, market.profile.script_bar_seconds],
        "random": [version, list(numbers)],
        "path": {name: getattr(market.path, name) for name in _PATH},
        "levels": {name: getattr(levels, name) for name in _LEVELS},
        "pending": [sorted(levels.pending_bids.items()), sorted(levels.pending_asks.items())],
        "book": [sorted(book.bids.items()), sorted(book.asks.items()), book.last_update_id],
        "fields": {name: getattr(market, name) for name in _MARKET},
        "funding": list(market._funding),
        "marks": [list(mark) for mark in market.marks[-_MARKS_KEPT:]],
        "trades": market.trades.save(_TRADES_KEPT),
        "parts": _parts_of(market),
        "minutes": market.minutes.data.tolist(),
        "seconds": [number for i in range(max(0, rows - _SECONDS_KEPT), rows) for number in market.seconds.row(i)],
    }


def _parts_of(market: GeneratedMarket) -> list[Any]:
    firsts = set(market.trades.save(_TRADES_KEPT)[5])
    return [[first_id, parts] for first_id, parts in market.trade_parts.items() if first_id in firsts]


def restore(market: GeneratedMarket, saved: dict[str, Any]) -> None:
    """Raises ValueError for a state of another kind, market, seed or profile, or one that is not whole."""
    profile = [market.profile.name, market.profile.script_bar_seconds]
    wanted = {"kind": STATE_KIND, "version": STATE_VERSION, "market": market.market, "seed": market.seed}
    if any(saved.get(key) != value for key, value in wanted.items()) or saved.get("profile") != profile:
        raise ValueError("market state: of another kind, version, market, seed or profile")
    try:
        _restore(market, saved)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"market state: not whole ({error})") from error


def _restore(market: GeneratedMarket, saved: dict[str, Any]) -> None:
    levels = market.levels
    version, numbers = saved["random"]
    market.rng.setstate((version, tuple(numbers), None))
    for owner, key in ((market.path, "path"), (levels, "levels"), (market, "fields")):
        for name, value in saved[key].items():
            if not hasattr(owner, name):
                raise KeyError(name)
            setattr(owner, name, value)
    levels.pending_bids, levels.pending_asks = (dict(map(tuple, side)) for side in saved["pending"])
    bids, asks = (dict(map(tuple, side)) for side in saved["book"][:2])
    levels.bids, levels.asks = bids, asks
    market.book.load(bids, asks, saved["book"][2])
    market._funding = (saved["funding"][0], saved["funding"][1])
    market.marks = [(mark[0], mark[1], mark[2], mark[3], mark[4]) for mark in saved["marks"]]
    market.trades.restore(saved["trades"])
    market.trade_parts = {first: [(part[0], part[1]) for part in parts] for first, parts in saved["parts"]}
    market.minutes.data = array("q", saved["minutes"])
    market.seconds.data = array("q", saved["seconds"])
    market.start_ns = market.last_ns
