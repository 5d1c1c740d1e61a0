"""USD-M market data that spot has not: mark price, funding, open interest, index, risk, sessions."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.market.sim_market import FUNDING_PERIOD_MS, MINUTE_MS, SimMarket
from supreme_system_v5.adapters.exchange.rest.request import dump, limit_of, scope_of, scoped, time_ms_of
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.wire.binance_encode import text8

FUNDING_CAP: Final = "0.00300000"
OPEN_INTEREST_E8: Final = 650_000 * 100_000_000
_OPEN_INTEREST_MIN_E8: Final = 1_000 * 100_000_000
ADL_PERIOD_MS: Final = 30 * MINUTE_MS
INSURANCE_FUND: Final = "1000000.00000000"

Mark = tuple[int, int, int, int, int]


def mark_of(market: SimMarket, as_of_ns: int) -> Mark:
    """(time_ns, mark, index, rate, next funding ms). Raises Refusal -1000 where it is not part of a recording."""
    mark = market.mark_as_of(as_of_ns)
    if mark is None:
        raise Refusal(-1000, "The mark price is not part of this recording.")
    return mark


def premium_index(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/premiumIndex"""
    scope = scope_of(params, market)
    mark = mark_of(market, as_of_ns)
    now_ms = market.exchange_ms(as_of_ns)
    return scoped(scope, market.encoder.premium_index_body(now_ms, mark[1], mark[2], mark[3], mark[4]))


def funding_rate(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/fundingRate"""
    params.has_symbol()
    limit = limit_of(params, 100, 1_000)
    start_ms, end_ms = time_ms_of(params, "startTime"), time_ms_of(params, "endTime")
    rates = market.funding_rates(as_of_ns, 1_000)
    if start_ms is not None:
        rates = [rate for rate in rates if rate[0] >= start_ms]
    if end_ms is not None:
        rates = [rate for rate in rates if rate[0] <= end_ms]
    return market.encoder.funding_rates_body(rates[:limit] if start_ms is not None else rates[-limit:])


def funding_info(market: SimMarket, _params: Params, _as_of_ns: int) -> bytes:
    """/fundingInfo"""
    info = {
        "symbol": market.symbol,
        "adjustedFundingRateCap": FUNDING_CAP,
        "adjustedFundingRateFloor": f"-{FUNDING_CAP}",
        "fundingIntervalHours": FUNDING_PERIOD_MS // 3_600_000,
        "disclaimer": False,
    }
    return dump([info])


def open_interest(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/openInterest: a level that moves with what takers bought and sold in the bars kept (nobody counts positions
    of a generated crowd).
    """
    params.symbol()
    rows = market.rows_as_of(MINUTE_MS, as_of_ns)
    drift_e8 = sum([2 * row[8] - row[5] for row in rows]) // 10
    open_e8 = max(_OPEN_INTEREST_MIN_E8, OPEN_INTEREST_E8 + drift_e8)
    body = {
        "symbol": market.symbol,
        "openInterest": market.encoder.quantity_text(open_e8),
        "time": market.exchange_ms(as_of_ns),
    }
    return dump(body)


def asset_index(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/assetIndex: the base asset in USD, from the index price."""
    name = market.symbol[:-1]  # ETHUSDT -> ETHUSD
    wanted = params.text("symbol")
    if wanted and wanted != name:
        raise Refusal(-1121, "Invalid symbol.")
    index_e8 = mark_of(market, as_of_ns)[2]
    twentieth_e8, fortieth_e8 = index_e8 // 20, index_e8 // 40
    body = {
        "symbol": name,
        "time": market.exchange_ms(as_of_ns),
        "index": text8(index_e8),
        "bidBuffer": "0.05000000",
        "askBuffer": "0.05000000",
        "bidRate": text8(index_e8 - twentieth_e8),
        "askRate": text8(index_e8 + twentieth_e8),
        "autoExchangeBidBuffer": "0.02500000",
        "autoExchangeAskBuffer": "0.02500000",
        "autoExchangeBidRate": text8(index_e8 - fortieth_e8),
        "autoExchangeAskRate": text8(index_e8 + fortieth_e8),
    }
    return dump(body if wanted else [body])


def constituents(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/constituents: the index has one source here."""
    params.symbol()
    index = {
        "exchange": "binance",
        "symbol": market.symbol,
        "price": text8(mark_of(market, as_of_ns)[2]),
        "weight": "1.00000000",
    }
    return dump({"symbol": market.symbol, "time": market.exchange_ms(as_of_ns), "constituents": [index]})


def index_info(_market: SimMarket, params: Params, _as_of_ns: int) -> bytes:
    """/indexInfo: there is no composite index, so every symbol is a wrong one."""
    if params.text("symbol"):
        raise Refusal(-1121, "Invalid symbol.")
    return b"[]"


def adl_risk(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/symbolAdlRisk: rated every half hour."""
    scope = scope_of(params, market)
    now_ms = market.exchange_ms(as_of_ns)
    body = {"symbol": market.symbol, "adlRisk": "low", "updateTime": now_ms - now_ms % ADL_PERIOD_MS}
    return scoped(scope, dump(body))


def insurance_balance(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/insuranceBalance"""
    scope = scope_of(params, market)
    now_ms = market.exchange_ms(as_of_ns)
    fund = {"asset": "USDT", "marginBalance": INSURANCE_FUND, "updateTime": now_ms - now_ms % MINUTE_MS}
    return scoped(scope, dump({"symbols": [market.symbol], "assets": [fund]}))


def trading_schedule(market: SimMarket, _params: Params, as_of_ns: int) -> bytes:
    """/tradingSchedule: of exchanges that close; nothing of theirs trades here."""
    return dump({"updateTime": market.exchange_ms(as_of_ns), "marketSchedules": {}})
