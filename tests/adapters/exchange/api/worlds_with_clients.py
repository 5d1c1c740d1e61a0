"""Exchanges with venues over generated markets, an account on each."""

from __future__ import annotations

from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.keys import Key
from supreme_system_v5.adapters.exchange.api.make import make_exchange
from supreme_system_v5.adapters.exchange.market.build import generated_markets
from supreme_system_v5.core.domain.money import E8
from tests.adapters.exchange.worlds import START_NS

SPOT_E8 = {"USDT": 100_000 * E8, "ETH": 50 * E8}
USDM_E8 = 100_000 * E8


def trading(markets: str = "both", seed: int = 1, factor: int = 1) -> tuple[Exchange, Key]:
    """A whole exchange with one account."""
    exchange = make_exchange(generated_markets(markets, seed, START_NS, is_shared=True), seed, limits_factor=factor)
    return exchange, exchange.open_account("main", SPOT_E8, USDM_E8)
