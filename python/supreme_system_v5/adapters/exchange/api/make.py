"""Builds an Exchange over markets that clients may trade in: a venue for each, bound to its market."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.routes import Routes, all_endpoints
from supreme_system_v5.adapters.exchange.market.sim_market import FUNDING_PERIOD_MS, MINUTE_MS, NS_PER_MS, SimMarket
from supreme_system_v5.adapters.exchange.rest.limits import exchange_info
from supreme_system_v5.core.domain.instrument import SPOT, USDM, eth_usdt
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.spot_prices import AVERAGE_MINUTES_MAX

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.market.background import Background
    from supreme_system_v5.core.matching.exchange.spot import SpotVenue
    from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue

SPOT_FEES_E8: Final = (100_000, 100_000)  # maker, taker: 0.1 %
USDM_FEES_E8: Final = (20_000, 50_000)  # 0.02 %, 0.05 %


def make_exchange(
    markets: Sequence[SimMarket],
    seed: int = 0,
    spot_fees_e8: tuple[int, int] = SPOT_FEES_E8,
    usdm_fees_e8: tuple[int, int] = USDM_FEES_E8,
    limits_factor: int = 1,
) -> Exchange:
    """``markets``: SharedMarket or SharedRecording, not stepped yet. No account is open yet."""
    by_name = {market.market: market for market in markets}
    spot = _spot(by_name[SPOT], seed, spot_fees_e8) if SPOT in by_name else None
    usdm = _usdm(by_name[USDM], seed, usdm_fees_e8) if USDM in by_name else None
    return Exchange(by_name, spot, usdm, Routes(all_endpoints(by_name)), seed, limits_factor)


def _symbol_of(market: str) -> dict[str, Any]:
    symbol: dict[str, Any] = exchange_info(market)["symbols"][0]
    return symbol


def _spot(market: SimMarket, seed: int, fees_e8: tuple[int, int]) -> SpotVenue:
    from supreme_system_v5.core.matching.exchange.spot import SpotVenue
    from supreme_system_v5.core.matching.exchange.spot_rules import SpotRules

    background = cast("Background", market)
    ids = Ids(seed * 2, background.trade_source)
    rules = SpotRules(_symbol_of(SPOT), exchange_info(SPOT)["exchangeFilters"])
    venue = SpotVenue(eth_usdt(SPOT), background.liquidity, ids, *fees_e8, rules)
    background.bind(venue)
    for row in _last_minutes(market):
        if row[5] > 0:
            at_ns = row[0] * NS_PER_MS - market.offset_ns
            venue.books.prices.on_trade(row[6] * E8 // row[5], row[5], at_ns)  # averages and last price are known
            venue.books.prices.last_e8 = row[4]
    return venue


def _usdm(market: SimMarket, seed: int, fees_e8: tuple[int, int]) -> UsdmVenue:
    from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue
    from supreme_system_v5.core.matching.exchange.usdm_rules import UsdmRules

    background = cast("Background", market)
    ids = Ids(seed * 2 + 1, background.trade_source)
    rules = UsdmRules.from_exchange_info(_symbol_of(USDM))
    venue = UsdmVenue(eth_usdt(USDM), background.liquidity, ids, *fees_e8, rules)
    venue.offset_ns = market.offset_ns
    background.bind(venue)
    start_ns = market.start_ns
    for row in _last_minutes(market)[-1:]:
        venue.last_e8 = row[4]
    mark = market.mark_as_of(start_ns)
    if mark is not None:
        venue.on_mark(start_ns, *mark[1:])
    else:  # until the first announcement the middle of the quote stands in for it
        _, bid, ask = market.quote_as_of(start_ns)
        if bid is not None and ask is not None:
            middle_e8 = (bid[0] + ask[0]) // 2
            funding_ms = market.exchange_ms(start_ns) // FUNDING_PERIOD_MS * FUNDING_PERIOD_MS + FUNDING_PERIOD_MS
            venue.on_mark(start_ns, middle_e8, middle_e8, 0, funding_ms)
    return venue


def _last_minutes(market: SimMarket) -> list[list[int]]:
    """What the market did before anybody could trade in it."""
    return market.rows_as_of(MINUTE_MS, market.start_ns)[-AVERAGE_MINUTES_MAX - 1 :]
