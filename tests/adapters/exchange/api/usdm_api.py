"""The USD-M endpoints over a small plain book: handlers are called as the exchange calls them."""

from __future__ import annotations

from typing import Any

import msgspec

from supreme_system_v5.adapters.exchange.api import usdm_account, usdm_algo, usdm_orders
from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.api.usdm_json import user_event
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from tests.adapters.exchange.worlds import generated
from tests.core.matching.exchange.usdm_kit import Floor

ENDPOINTS = [*usdm_orders.ENDPOINTS, *usdm_algo.ENDPOINTS, *usdm_account.ENDPOINTS]
_REST = {(endpoint.http, endpoint.path): endpoint for endpoint in ENDPOINTS}
_WS = {endpoint.ws: endpoint for endpoint in ENDPOINTS if endpoint.ws}


class Api:
    """Account "a" asks; ``floor`` is its world."""

    def __init__(self) -> None:
        self.floor = Floor()
        self.exchange = Exchange({"usdm": generated("usdm")}, usdm=self.floor.venue)

    def call(self, verb: str, path: str, /, **params: Any) -> Any:
        """The body, as a client reads it. ``path`` without /fapi/v1/ or with; verb "ws" and a method's name.

        Raises Refusal.
        """
        full = path if path.startswith("/") else f"/fapi/v1/{path}"
        endpoint = _WS[path] if verb == "ws" else _REST[verb, full]
        texts = {name: str(value) for name, value in params.items()}
        body = endpoint.handler(self.exchange, "a", Params(texts, "usdm"), self.floor.now_ns)
        return msgspec.json.decode(msgspec.json.encode(body))

    def one(self, verb: str, path: str, /, **params: Any) -> Any:
        """The same with the symbol."""
        return self.call(verb, path, symbol="ETHUSDT", **params)

    def code(self, verb: str, path: str, /, **params: Any) -> int:
        """The code it is refused with."""
        try:
            self.one(verb, path, **params)
        except Refusal as refusal:
            return refusal.code
        return 0

    def limit(self, side: str, size: float, price: float, **more: Any) -> Any:
        order = {"side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": size, "price": price}
        return self.one("POST", "order", **{**order, **more})

    def market(self, side: str, size: float, **more: Any) -> Any:
        return self.one("POST", "order", side=side, type="MARKET", quantity=size, newOrderRespType="RESULT", **more)

    def stop(self, side: str, trigger: float, **more: Any) -> Any:
        order = {"algoType": "CONDITIONAL", "side": side, "type": "STOP_MARKET", "triggerPrice": trigger}
        return self.one("POST", "algoOrder", **{**order, **more})

    def events(self, account: str = "a") -> list[Any]:
        """The user events since the last time."""
        found = [
            user_event(item, self.exchange) for item in self.floor.venue.take_happenings() if item.account == account
        ]
        return [msgspec.json.decode(msgspec.json.encode(event)) for event in found if event is not None]
