"""Market data over REST and the WebSocket API: which path and method is answered by whom.

A view is asked of a market as of a market time and gives the JSON body. ``answer`` serves a request as a whole, so that
a market can be asked without a server; the API asks ``find`` for the same views, charges ``weight`` and checks keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from supreme_system_v5.adapters.exchange.rest import book, futures, info, klines, tickers, trades
from supreme_system_v5.adapters.exchange.rest.weights import WEIGHT_LIMIT, request_weight
from supreme_system_v5.core.domain.instrument import SPOT, USDM
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.wire.binance_encode import error_body

__all__ = ["PREFIX", "VIEWS", "WEIGHT_LIMIT", "View", "answer", "find", "find_ws", "request_weight"]

PREFIX: Final = {SPOT: "/api/v3/", USDM: "/fapi/v1/"}
_JSON: Final = {"Content-Type": "application/json;charset=UTF-8"}
_NOT_FOUND: Final = b'{"timestamp":0,"status":404,"error":"Not Found"}'

Handler = Callable[[SimMarket, Params, int], bytes]


class View(NamedTuple):
    """``path`` of the GET request; ``ws``: the WebSocket API's method, "" where it has none.

    ``needs_key``: an API key must be sent (no signature).
    """

    market: str
    path: str
    ws: str
    handler: Handler
    needs_key: bool = False

    def body(self, market: SimMarket, params: Params, as_of_ns: int) -> bytes:
        """The JSON body. Raises Refusal."""
        return self.handler(market, params, as_of_ns)

    def weight_of(self, params: Mapping[str, str]) -> int:
        """The request weight of a request with these parameters."""
        return request_weight(self.market, self.path, params)


def _spot(name: str, ws: str, handler: Handler, needs_key: bool = False) -> View:
    return View(SPOT, f"/api/v3/{name}", ws, handler, needs_key)


def _usdm(name: str, handler: Handler, ws: str = "", needs_key: bool = False) -> View:
    return View(USDM, f"/fapi/v1/{name}", ws, handler, needs_key)


VIEWS: Final[tuple[View, ...]] = (
    _spot("ping", "ping", info.ping),
    _spot("time", "time", info.time),
    _spot("exchangeInfo", "exchangeInfo", info.exchange_info),
    _spot("executionRules", "executionRules", info.execution_rules),
    _spot("depth", "depth", book.depth),
    _spot("trades", "trades.recent", trades.recent_trades),
    _spot("historicalTrades", "trades.historical", trades.historical_trades),
    _spot("historicalBlockTrades", "blockTrades.historical", info.block_trades, needs_key=True),
    _spot("aggTrades", "trades.aggregate", trades.agg_trades),
    _spot("klines", "klines", klines.klines),
    _spot("uiKlines", "uiKlines", klines.klines),
    _spot("avgPrice", "avgPrice", trades.avg_price),
    _spot("ticker/24hr", "ticker.24hr", tickers.ticker_24h),
    _spot("ticker/tradingDay", "ticker.tradingDay", tickers.ticker_trading_day),
    _spot("ticker", "ticker", tickers.ticker_window),
    _spot("ticker/price", "ticker.price", book.ticker_price),
    _spot("ticker/bookTicker", "ticker.book", book.ticker_book),
    _spot("referencePrice", "referencePrice", info.reference_price),
    _spot("referencePrice/calculation", "referencePrice.calculation", info.reference_price),
    _usdm("ping", info.ping),
    _usdm("time", info.time),
    _usdm("exchangeInfo", info.exchange_info),
    _usdm("depth", book.depth, "depth"),
    _usdm("rpiDepth", book.rpi_depth),
    _usdm("trades", trades.recent_trades),
    _usdm("historicalTrades", trades.historical_trades, needs_key=True),
    _usdm("aggTrades", trades.agg_trades),
    _usdm("klines", klines.klines),
    _usdm("continuousKlines", klines.continuous_klines),
    _usdm("indexPriceKlines", klines.index_klines),
    _usdm("markPriceKlines", klines.mark_klines),
    _usdm("premiumIndexKlines", klines.premium_klines),
    _usdm("premiumIndex", futures.premium_index),
    _usdm("fundingRate", futures.funding_rate),
    _usdm("fundingInfo", futures.funding_info),
    _usdm("ticker/24hr", tickers.ticker_24h),
    _usdm("ticker/price", book.ticker_price, "ticker.price"),
    View(USDM, "/fapi/v2/ticker/price", "", book.ticker_price),
    _usdm("ticker/bookTicker", book.ticker_book, "ticker.book"),
    _usdm("openInterest", futures.open_interest),
    _usdm("assetIndex", futures.asset_index),
    _usdm("constituents", futures.constituents),
    _usdm("indexInfo", futures.index_info),
    _usdm("symbolAdlRisk", futures.adl_risk),
    _usdm("insuranceBalance", futures.insurance_balance),
    _usdm("tradingSchedule", futures.trading_schedule),
)
_BY_PATH: Final = {(view.market, view.path): view for view in VIEWS}
_BY_METHOD: Final = {(view.market, view.ws): view for view in VIEWS if view.ws}


def find(market: str, path: str) -> View | None:
    """The view of a GET path."""
    return _BY_PATH.get((market, path))


def find_ws(market: str, method: str) -> View | None:
    """The view of a method of the WebSocket API. Lists among its parameters must come as JSON text."""
    return _BY_METHOD.get((market, method))


def answer(
    market: SimMarket,
    path: str,
    params: Mapping[str, str],
    as_of_ns: int,
    is_micro: bool = False,
    has_key: bool = False,
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of a GET request as of a market time. ``is_micro`` is spot's only."""
    view = find(market.market, path)
    if view is None:
        return 404, _NOT_FOUND, _JSON
    if view.needs_key and not has_key:
        return 401, error_body(-2014, "API-key format invalid."), _JSON
    is_micro = is_micro and market.market == SPOT
    try:
        asked = Params(dict(params), market.market, market.offset_ns, is_micro, market.symbol)
        return 200, view.body(market, asked, as_of_ns), _JSON
    except Refusal as error:
        return error.status, error_body(error.code, error.message), _JSON
