"""A client of the spot endpoints: signed REST and WebSocket API calls into an exchange whose market stands still."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from supreme_system_v5.adapters.exchange.api import general, spot_account, spot_orders
from supreme_system_v5.adapters.exchange.api.call import Call, Reply
from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.routes import Routes
from supreme_system_v5.adapters.exchange.api.user_streams import Subscription
from supreme_system_v5.core.domain.instrument import SPOT
from tests.adapters.exchange.api.desk import hmac_of
from tests.adapters.exchange.worlds import generated
from tests.core.matching.exchange.spot_kit import SpotDesk, e8

SYMBOL = "ETHUSDT"


class SpotClient:
    """Two accounts, "ann" and "eve"; the book of `SpotDesk` (1 ETH at 2000.00/2000.10 and two levels behind)."""

    def __init__(self) -> None:
        self.desk = SpotDesk()
        endpoints = [*spot_orders.ENDPOINTS, *spot_account.ENDPOINTS, *general.ENDPOINTS]
        routes = Routes(endpoint for endpoint in endpoints if endpoint.market == SPOT)
        self.exchange = Exchange({SPOT: generated(SPOT)}, self.desk.venue, routes=routes, seed=1)
        self.exchange.skew_ns = lambda _market, _time_ns: -self.exchange.markets[SPOT].offset_ns
        self.desk.venue.accounts.clear()
        self.keys = {
            name: self.exchange.open_account(name, {"ETH": e8(10), "USDT": e8(100000), "BNB": 0}, 0)
            for name in ("ann", "eve")
        }
        self.events: list[bytes] = []
        self.exchange.streams.add(Subscription(SPOT, "ann", self.events.append))
        self.ms = self.desk.time_ns // 1_000_000

    def call(self, method: str, path: str, account: str = "ann", is_ws: bool = False, **params: Any) -> Reply:
        """``is_ws``: ``path`` is a method name then."""
        key = self.keys[account]
        signed = {name: str(value) for name, value in params.items()}
        signed["timestamp"] = str(self.desk.time_ns // 1_000_000)
        payload = urlencode(signed)
        signature = hmac_of(key.secret, payload)
        call = Call(
            SPOT, method, path, {**signed, "signature": signature}, payload, key.api_key, signature, "ip", is_ws
        )
        return self.exchange.call(call, self.desk.time_ns)

    def ok(self, method: str, path: str, **params: Any) -> Any:
        """The body of a call on /api/v3 that must succeed."""
        reply = self.call(method, f"/api/v3/{path}", **params)
        assert reply.status == 200, reply.body
        return reply.body

    def error(self, method: str, path: str, **params: Any) -> tuple[int, int, str]:
        """(HTTP status, code, message) of one that must not."""
        reply = self.call(method, f"/api/v3/{path}", **params)
        assert reply.status != 200 and isinstance(reply.body, dict), reply.body
        return reply.status, reply.body["code"], reply.body["msg"]

    def ws(self, name: str, **params: Any) -> Any:
        """The same over the WebSocket API."""
        reply = self.call("", name, is_ws=True, **params)
        assert reply.status == 200, reply.body
        return reply.body

    def place(self, **params: Any) -> Any:
        return self.ok("POST", "order", **{"symbol": SYMBOL, **params})

    def limit(self, side: str = "BUY", quantity: str = "1", price: str = "1900", **more: Any) -> Any:
        order = {"side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity, "price": price}
        return self.place(**{**order, **more})


def order(**changes: Any) -> dict[str, Any]:
    made = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "1900"}
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def market(**changes: Any) -> dict[str, Any]:
    return order(type="MARKET", timeInForce=None, price=None, **changes)


def oco(**changes: Any) -> dict[str, Any]:
    made = {
        "symbol": SYMBOL,
        "side": "SELL",
        "quantity": "1",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": "2050",
        "belowType": "STOP_LOSS_LIMIT",
        "belowStopPrice": "1950",
        "belowPrice": "1940",
        "belowTimeInForce": "GTC",
    }
    return {name: value for name, value in {**made, **changes}.items() if value is not None}
