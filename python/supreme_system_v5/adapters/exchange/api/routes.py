"""Which endpoint answers a call: one table for REST and the WebSocket API of both markets.

The tables of the markets are joined here; a path or a name that two of them claim is an error at start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, TypeVar

from supreme_system_v5.adapters.exchange.api.call import Call, Reply
from supreme_system_v5.adapters.exchange.api.endpoint import Endpoint
from supreme_system_v5.adapters.exchange.api.errors import gone, not_found, wrong_verb
from supreme_system_v5.core.domain.instrument import SPOT, USDM

# Method names may carry the version: "v3/order.place" is "order.place". On USD-M "v2/..." names others.
VERSION: Final = {SPOT: "v3/", USDM: "v1/"}
_K = TypeVar("_K")
_RETIRED: Final = ("/api/v3/userDataStream", "/api/v1/userDataStream")


class Routes:
    """The endpoints by market, verb and path, and by market and method name. Raises ValueError for a double claim."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._rest: dict[tuple[str, str, str], Endpoint] = {}
        self._methods: dict[tuple[str, str], Endpoint] = {}
        self._paths: set[str] = set()
        for endpoint in endpoints:
            if endpoint.path:
                _claim(self._rest, (endpoint.market, endpoint.http, endpoint.path), endpoint)
                self._paths.add(endpoint.path)
            if endpoint.ws:
                _claim(self._methods, (endpoint.market, endpoint.ws), endpoint)

    def find(self, call: Call) -> Endpoint | None:
        """The endpoint of a call; None when there is none (market data are not in this table)."""
        if not call.is_websocket:
            return self._rest.get((call.market, call.method, call.path))
        found = self._methods.get((call.market, call.path))
        if found is None and call.path.startswith(VERSION[call.market]):
            found = self._methods.get((call.market, call.path[3:]))
        return found

    def serves(self, path: str) -> bool:
        """True when the path is one of ours, with whatever verb."""
        return path in self._paths

    def missing(self, path: str) -> Reply:
        """The reply to a REST path that nobody serves with this verb."""
        if path.startswith(_RETIRED):
            return gone(path)
        return wrong_verb(path) if path in self._paths else not_found(path)


def _claim(table: dict[_K, Endpoint], key: _K, endpoint: Endpoint) -> None:
    if key in table:
        raise ValueError(f"two endpoints claim {key}")
    table[key] = endpoint


def all_endpoints(markets: Collection[str]) -> list[Endpoint]:
    """What the trading side of these markets serves."""
    from supreme_system_v5.adapters.exchange.api import general

    endpoints = list(general.ENDPOINTS)
    if SPOT in markets:
        from supreme_system_v5.adapters.exchange.api import spot_account, spot_orders

        endpoints += [*spot_orders.ENDPOINTS, *spot_account.ENDPOINTS]
    if USDM in markets:
        from supreme_system_v5.adapters.exchange.api import listen_keys, usdm_account, usdm_algo, usdm_orders

        endpoints += [*usdm_orders.ENDPOINTS, *usdm_algo.ENDPOINTS, *usdm_account.ENDPOINTS, *listen_keys.ENDPOINTS]
    return [endpoint for endpoint in endpoints if endpoint.market in markets]
