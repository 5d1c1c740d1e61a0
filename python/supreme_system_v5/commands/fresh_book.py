"""One REST order book for an emergency close, from a market of the account's own kind, or the reason why not."""

from __future__ import annotations

import ipaddress
import json
import threading
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.journal.words import AccountKey, JournalState
from supreme_system_v5.core.domain.instrument import SPOT

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

BOOK_SECONDS_MAX: Final = 4.0
EXCHANGE_URL_KEY: Final = "exchange_url"  # StateRecord of a session on a simulated exchange: its REST base as JSON text
_BODY_BYTES_MAX: Final = 4_000_000
_SIM_TIME_HEADER: Final = "X-Time-Ns"  # only the simulated exchange sends it


class FreshBook:
    """The levels a close would take, best first, as (price, quantity) in 1e-8 units, and the engine time of them."""

    def __init__(self, levels: list[tuple[int, int]], time_ns: int) -> None:
        self.levels = levels
        self.time_ns = time_ns


def fetch_book(settings: Settings, key: AccountKey, saved: JournalState, side: int) -> FreshBook | str:
    """The book that an order of ``side`` takes from, or why there is none, in words.

    A real account is never priced by a simulated exchange, nor a simulated one by the real market.
    """
    reasons = []
    for base in _bases(settings, key, saved):
        outcome: list[FreshBook | str] = []
        # A thread, because no time-out covers a name look-up that hangs.
        worker = threading.Thread(target=_fetch_into, args=(outcome, base, key, saved, side), daemon=True)
        worker.start()
        worker.join(BOOK_SECONDS_MAX)
        result = outcome[0] if outcome else f"{base} did not answer within {BOOK_SECONDS_MAX:g} s"
        if isinstance(result, FreshBook):
            return result
        reasons.append(result)
    return "; ".join(reasons) or "the simulated market ended with its daemon"


def _bases(settings: Settings, key: AccountKey, saved: JournalState) -> list[str]:
    url = settings.binance_spot_rest_url if key.market == SPOT else settings.binance_usdm_rest_url
    if not key.is_simulated:
        return [url]
    bases = [url] if _is_loopback(url) else []
    try:
        noted = json.loads(saved.state.get(EXCHANGE_URL_KEY, '""'))
    except ValueError:
        noted = ""
    if isinstance(noted, str) and noted.startswith("http") and noted not in bases:
        bases.insert(0, noted)
    return bases


def _is_loopback(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fetch_into(outcome: list[FreshBook | str], base: str, key: AccountKey, saved: JournalState, side: int) -> None:
    try:
        outcome.append(_fetch(base, key, saved, side))
    except Exception as error:  # whatever happens on the network, the close goes on without it
        outcome.append(f"{base}: {error}")


def _fetch(base: str, key: AccountKey, saved: JournalState, side: int) -> FreshBook | str:
    from supreme_system_v5.core.matching.liquidity import snapshot_levels
    from supreme_system_v5.core.wire.binance_rest import parse_depth

    path = "/api/v3/depth" if key.market == SPOT else "/fapi/v1/depth"
    query = urllib.parse.urlencode({"symbol": key.symbol.replace("-", ""), "limit": 100})
    proxies = urllib.request.ProxyHandler({} if _is_loopback(base) else None)
    with urllib.request.build_opener(proxies).open(f"{base}{path}?{query}", timeout=BOOK_SECONDS_MAX) as reply:
        stamp = reply.headers.get(_SIM_TIME_HEADER)
        body = reply.read(_BODY_BYTES_MAX)
    if key.is_simulated and stamp is None:
        return f"{base} is not a simulated exchange"
    if not key.is_simulated and stamp is not None:
        return f"{base} is a simulated exchange; it does not price a real market"
    time_ns = int(stamp) if stamp is not None else time.time_ns()
    if time_ns < saved.last_time_ns:
        return f"{base} is at a time before the last one journalled: another market"
    levels = snapshot_levels(parse_depth(body, time_ns), side, 0)
    return FreshBook(levels, time_ns) if levels else f"{base}: the book is empty"
