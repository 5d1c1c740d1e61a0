"""A whole exchange without a socket: signed calls at market times that the test chooses."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.keys import Key
from supreme_system_v5.adapters.exchange.api.make import make_exchange
from supreme_system_v5.adapters.exchange.api.rest_request import read_call
from supreme_system_v5.adapters.exchange.faults.acts import FaultActs
from supreme_system_v5.adapters.exchange.faults.box import FaultBox
from supreme_system_v5.adapters.exchange.faults.calls import CallFault
from supreme_system_v5.adapters.exchange.market.build import generated_markets
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from tests.adapters.exchange.worlds import SECOND, START_NS

E8 = 10**8
SPOT_E8 = {"USDT": 100_000 * E8, "ETH": 50 * E8}
USDM_E8 = 100_000 * E8


class Desk:
    """``markets``: names, or markets that exist. ``plan``: of faults."""

    def __init__(self, markets: str | Sequence[SimMarket] = "both", plan: Sequence[dict[str, Any]] = (), seed: int = 3):
        if isinstance(markets, str):
            markets = generated_markets(markets, seed, START_NS, is_shared=True)
        self.exchange: Exchange = make_exchange(markets, seed, limits_factor=1_000)
        self.now_ns = max(market.start_ns for market in markets)
        self.box = FaultBox(self.now_ns, plan, seed)
        self.acts = FaultActs(self.box, self.exchange)
        self.key: Key | None = None
        self.frames: list[tuple[str, int, str, bytes]] = []

    def open(self) -> Desk:
        """With an account, and past the first mark price of USD-M."""
        self.key = self.exchange.open_account("main", SPOT_E8, USDM_E8)
        return self.walk(1.2)

    def walk(self, seconds: float) -> Desk:
        """Let the markets live; what they gave out is in ``frames``."""
        self.now_ns += int(seconds * SECOND)
        for name, market in self.exchange.markets.items():
            while market.next_ns() <= self.now_ns:
                self.frames += [(name, *frame) for frame in market.step()]
                self.exchange.settle(name)
        for name in self.acts.advance(self.now_ns):
            self.exchange.settle(name, self.now_ns)
        return self

    def call(self, method: str, path: str, **params: object) -> tuple[int, Any] | CallFault:
        """Status and body, or how a fault ended the call."""
        assert self.key is not None
        query = urlencode({**params, "timestamp": self.now_ns // 1_000_000})
        query += "&signature=" + hmac.new(self.key.secret_bytes, query.encode(), hashlib.sha256).hexdigest()
        market = "spot" if path.startswith("/api/") else "usdm"
        call = read_call(market, method, f"{path}?{query}", {"X-MBX-APIKEY": self.key.api_key})
        ended = self.acts.before(call, self.now_ns)
        if ended is not None:
            return ended
        reply = self.exchange.call(call, self.now_ns)
        ended = self.acts.after(call, reply.body, self.now_ns)
        return ended if ended is not None else (reply.status, json.loads(json.dumps(reply.body)))

    def good(self, method: str, path: str, **params: object) -> Any:
        answer = self.call(method, path, **params)
        assert isinstance(answer, tuple), answer
        assert answer[0] == 200, answer
        return answer[1]

    def place(self, name: str, side: str, price_e8: int, quantity: str = "0.5", **params: object) -> Any:
        """A spot LIMIT order; status and body."""
        limit = {"type": "LIMIT", "timeInForce": "GTC", "price": f"{price_e8 / E8:.2f}", "newClientOrderId": name}
        return self.call("POST", "/api/v3/order", symbol="ETHUSDT", side=side, quantity=quantity, **{**limit, **params})

    def order(self, name: str) -> Any:
        return self.good("GET", "/api/v3/order", symbol="ETHUSDT", origClientOrderId=name)

    def best_e8(self, side: int, market: str = "spot") -> int:
        venue = self.exchange.spot if market == "spot" else self.exchange.usdm
        return int(venue.matcher.best_e8(side))

    def state(self) -> list[object]:
        return [self.exchange.spot.state(), self.exchange.usdm.state(), self.now_ns]

    def total_e8(self, asset: str) -> int:
        """What the account holds on spot, locked or not."""
        free_e8, locked_e8 = self.exchange.spot.accounts["main"].pair(asset)
        return int(free_e8) + int(locked_e8)
