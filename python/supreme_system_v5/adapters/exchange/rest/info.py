"""General REST answers: ping, time, exchangeInfo, execution rules, reference prices."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.adapters.exchange.api.params import Params, bad_combination
from supreme_system_v5.adapters.exchange.bodies import read_json
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from supreme_system_v5.adapters.exchange.rest.limits import exchange_info as shipped_info
from supreme_system_v5.adapters.exchange.rest.request import (
    check_status,
    dump,
    status_of,
    symbol_status,
    symbols_of,
)
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.matching.exchange.refusal import Refusal

# Without ``permissions`` the venue shows the symbols that have one of these.
USUAL_PERMISSIONS: Final = frozenset({"SPOT", "MARGIN", "LEVERAGED"})


def ping(_market: SimMarket, params: Params, _as_of_ns: int) -> bytes:
    """/ping"""
    params.done()
    return b"{}"


def time(_market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/time"""
    params.done()
    return b'{"serverTime":%d}' % params.stamp(as_of_ns)


def exchange_info(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/exchangeInfo: the shipped symbol, or none when the filters asked for leave it out."""
    symbols = [dict(symbol) for symbol in shipped_info(market.market)["symbols"]]
    if market.market == SPOT:
        if not _is_shown(market, params):
            symbols = []
        if params.boolean("showPermissionSets") is False:
            for symbol in symbols:
                symbol["permissionSets"] = []
    else:
        params.has_symbol()
    params.done()
    return dump({**shipped_info(market.market), "serverTime": params.stamp(as_of_ns), "symbols": symbols})


def _is_shown(market: SimMarket, params: Params) -> bool:
    has_symbol = params.has_symbol()
    if has_symbol and params.has("symbols"):
        raise bad_combination()
    is_named = symbols_of(params, market) or has_symbol
    wanted = symbol_status(params)
    if is_named and (wanted or params.has("permissions")):
        raise bad_combination()
    if wanted and wanted != status_of(market):
        return False
    return is_named or bool(_permissions(params) & {"SPOT"})


def _permissions(params: Params) -> frozenset[str]:
    """``permissions``: one word or a JSON list of words. Raises Refusal -1135."""
    text = params.text("permissions")
    if not text:
        return USUAL_PERMISSIONS
    if not text.startswith("["):
        return frozenset({text})
    try:
        names = read_json(text)
        if not all(isinstance(name, str) for name in names):
            raise ValueError
    except ValueError:
        raise Refusal(-1135, "JSON sent for parameter 'permissions' is not valid") from None
    return frozenset(names)


def execution_rules(market: SimMarket, params: Params, _as_of_ns: int) -> bytes:
    """/executionRules: our symbol has none (a PRICE_RANGE rule needs a reference price)."""
    names = [name for name in ("symbol", "symbols", "symbolStatus") if params.has(name)]
    if len(names) > 1:
        raise bad_combination()
    params.has_symbol()
    symbols_of(params, market)
    wanted = symbol_status(params)
    params.done()
    is_shown = not wanted or wanted == status_of(market)
    return dump({"symbolRules": [{"symbol": market.symbol, "rules": []}] if is_shown else []})


def reference_price(market: SimMarket, params: Params, _as_of_ns: int) -> bytes:
    """/referencePrice and its calculation: our symbol never had one, which is what the venue says of most."""
    params.symbol()
    check_status(params, market)
    params.done()
    raise Refusal(-2043, "This symbol doesn't have a reference price.")


def block_trades(_market: SimMarket, params: Params, _as_of_ns: int) -> bytes:
    """/historicalBlockTrades: nobody trades blocks here."""
    params.symbol()
    params.require_integer("fromId")
    params.integer("limit")
    params.done()
    return b"[]"
