"""What the market data answers share: scope (one symbol, a list, all), limits, times in the unit that was asked for.

Wording of the refusals: official spot errors page (2026-07) and USD-M error page.
"""

from __future__ import annotations

import json
import re
from typing import Final

from supreme_system_v5.adapters.exchange.api.params import Params, bad_combination, illegal
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.matching.exchange.refusal import Refusal

SYMBOLS_RANGE: Final = r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$'
STATUSES: Final = ("TRADING", "HALT", "BREAK")
TICKER_TYPES: Final = ("FULL", "MINI")
SYMBOLS_MAX: Final = 100
MICROSECONDS_FROM: Final = 10**14  # a time this large can only be in microseconds
# Blanks after a comma: lists of the WebSocket API come as the JSON they were written in.
_SYMBOLS: Final = re.compile(r'\[("[A-Z0-9\-_.]{1,20}"(, ?"[A-Z0-9\-_.]{1,20}")*)?\]', re.ASCII)

# Scopes of a request that may be about one symbol, several or all.
ONE: Final = "one"
MANY: Final = "many"
NOTHING: Final = "nothing"  # all symbols of a status that ours has not


def dump(body: object) -> bytes:
    """A body as the venue writes JSON: without blanks."""
    return json.dumps(body, separators=(",", ":")).encode()


def limit_of(params: Params, default: int, most: int) -> int:
    """``limit``. Spot cuts a larger one to ``most``, USD-M refuses it. Raises Refusal -1130, -1100."""
    number = params.integer("limit")
    if number is None:
        return default
    if number <= 0 or (number > most and params.market != SPOT):
        raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(number, most)


def time_ms_of(params: Params, name: str) -> int | None:
    """A time in ms; one sent in microseconds is rounded down. None when it was not sent. Raises Refusal -1100."""
    number = params.integer(name)
    if number is None or number < MICROSECONDS_FROM:
        return number
    return number // 1_000


def stamp_ms(params: Params, time_ms: int, time_ns: int = 0) -> int:
    """A time of the exchange's clock in the unit asked for.

    ``time_ns``: the market time of the same thing, where it is known: it gives the microseconds.
    """
    if not params.is_micro:
        return time_ms
    micros = (time_ns + params.offset_ns) // 1_000
    return micros if micros // 1_000 == time_ms else time_ms * 1_000


def symbol_status(params: Params) -> str:
    """``symbolStatus``, "" when it was not sent. Raises Refusal -1122."""
    return params.choice("symbolStatus", STATUSES, Refusal(-1122, "Invalid symbolStatus."))


def status_of(market: SimMarket) -> str:
    """The symbol's trading status."""
    return str(getattr(market, "status", "TRADING"))


def check_status(params: Params, market: SimMarket) -> None:
    """Raises Refusal -1220 when the one symbol asked for has another status than the one asked for."""
    wanted = symbol_status(params)
    if wanted and wanted != status_of(market):
        raise Refusal(-1220, "The symbol's status does not match the requested symbolStatus.")


def symbols_of(params: Params, market: SimMarket) -> bool:
    """True when a list of symbols was sent; each must be ours. Raises Refusal -1100, -1101, -1121, -1151."""
    text = params.text("symbols")
    if not text:
        return False
    if _SYMBOLS.fullmatch(text) is None:
        raise illegal("symbols", SYMBOLS_RANGE)
    names: list[str] = json.loads(text)
    if not names:
        raise Refusal(-1102, "Mandatory parameter 'symbols' was not sent, was empty/null, or malformed.")
    if len(names) > SYMBOLS_MAX:
        raise Refusal(-1101, f"Too many parameters; expected '{SYMBOLS_MAX}' and received '{len(names)}'.")
    if any(name != market.symbol for name in names):
        raise Refusal(-1121, "Invalid symbol.")
    if len(names) > 1:
        raise Refusal(-1151, "Symbol is present multiple times in the list.")
    return True


def scope_of(params: Params, market: SimMarket, is_required: bool = False) -> str:
    """ONE, MANY or NOTHING of a ticker request. Raises Refusal."""
    if market.market != SPOT:
        return ONE if params.has_symbol() else MANY
    has_symbol = params.has_symbol()
    if has_symbol and params.has("symbols"):
        raise bad_combination()
    has_symbols = symbols_of(params, market)
    if is_required and not (has_symbol or has_symbols):
        params.require_one("symbol", "symbols")
    if has_symbol:
        check_status(params, market)
        return ONE
    wanted = symbol_status(params)
    return NOTHING if wanted and wanted != status_of(market) else MANY


def scoped(scope: str, body: bytes) -> bytes:
    """The body of one symbol as the request wants it: an object, or a list of all there is."""
    if scope == ONE:
        return body
    return b"[]" if scope == NOTHING else b"[" + body + b"]"
