"""Endpoints about the limits of an account: how many orders count in the running intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.exchange.api.endpoint import USER_DATA, Endpoint
from supreme_system_v5.core.domain.instrument import SPOT, USDM

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange
    from supreme_system_v5.adapters.exchange.api.params import Params


def spot_order_counts(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.done()
    return x.order_limits.rows(SPOT, account, x.limit_ns(SPOT, time_ns))


def usdm_order_limits(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    params.done()
    rows = x.order_limits.rows(USDM, account, x.limit_ns(USDM, time_ns))
    return [{name: value for name, value in row.items() if name != "count"} for row in rows]


ENDPOINTS: Final = [
    Endpoint(SPOT, "GET", "/api/v3/rateLimit/order", "account.rateLimits.orders", USER_DATA, 40, spot_order_counts),
    Endpoint(USDM, "GET", "/fapi/v1/rateLimit/order", "", USER_DATA, 1, usdm_order_limits),
]
