"""Request weights of the market data endpoints: official spot documentation (2026-07) and USD-M SDK (2026-08)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from supreme_system_v5.adapters.exchange.bodies import read_json
from supreme_system_v5.core.domain.instrument import SPOT, USDM

WEIGHT_LIMIT: Final = {SPOT: 6_000, USDM: 2_400}  # a minute
PER_SYMBOL_MAX: Final = 200
RULES_MAX: Final = 40

Params = Mapping[str, str]


def _number(params: Params, default: int) -> int:
    text = params.get("limit", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else default


def _symbols(params: Params) -> int:
    """How many symbols were named; 0 = none."""
    if "symbol" in params:
        return 1
    try:
        names = read_json(params.get("symbols", "[]"))
    except ValueError:
        return 1
    return len(names) if isinstance(names, list) else 1


def _spot_depth(params: Params) -> int:
    limit = _number(params, 100)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _usdm_depth(params: Params) -> int:
    limit = _number(params, 500)
    return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20


def _usdm_klines(params: Params) -> int:
    limit = _number(params, 500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _spot_24h(params: Params) -> int:
    count = _symbols(params)
    return 80 if count == 0 or count > 100 else 40 if count > 20 else 2


def _spot_rules(params: Params) -> int:
    return min(RULES_MAX, 2 * _symbols(params)) or RULES_MAX


def _each_four(params: Params) -> int:
    return min(PER_SYMBOL_MAX, 4 * max(1, _symbols(params)))


def _with_symbol(one: int, every: int) -> Callable[[Params], int]:
    return lambda params: one if "symbol" in params else every


_SPOT: Final[dict[str, int | Callable[[Params], int]]] = {
    "exchangeInfo": 20,
    "executionRules": _spot_rules,
    "depth": _spot_depth,
    "trades": 25,
    "historicalTrades": 25,
    "historicalBlockTrades": 25,
    "aggTrades": 4,
    "klines": 2,
    "uiKlines": 2,
    "avgPrice": 2,
    "ticker/24hr": _spot_24h,
    "ticker/tradingDay": _each_four,
    "ticker": _each_four,
    "ticker/price": _with_symbol(2, 4),
    "ticker/bookTicker": _with_symbol(2, 4),
    "referencePrice": 2,
    "referencePrice/calculation": 2,
}
_USDM: Final[dict[str, int | Callable[[Params], int]]] = {
    "depth": _usdm_depth,
    "rpiDepth": 20,
    "trades": 5,
    "historicalTrades": 200,
    "aggTrades": 20,
    "klines": _usdm_klines,
    "continuousKlines": _usdm_klines,
    "indexPriceKlines": _usdm_klines,
    "markPriceKlines": _usdm_klines,
    "premiumIndexKlines": _usdm_klines,
    "premiumIndex": _with_symbol(1, 10),
    "fundingRate": 0,  # a limit of its own: 500 in 5 minutes
    "fundingInfo": 0,
    "ticker/24hr": _with_symbol(1, 40),
    "ticker/price": _with_symbol(1, 2),
    "ticker/bookTicker": _with_symbol(2, 5),
    "assetIndex": _with_symbol(1, 10),
    "constituents": 2,
    "tradingSchedule": 5,
}


def request_weight(market: str, path: str, params: Params) -> int:
    """The request weight the venue charges; 1 where its documentation names no other."""
    name = path.split("/", 3)[-1]  # after /api/v3/ or /fapi/v1/
    weight = (_SPOT if market == SPOT else _USDM).get(name, 1)
    return weight if isinstance(weight, int) else weight(params)
