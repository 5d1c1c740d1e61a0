"""A client of the simulated exchange with nothing but the standard library: signed calls, answers with their status."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import urllib.parse
from typing import Any

Answer = tuple[int, Any]


class SignedClient:
    """``ready`` is what the ready file of `main.py exchange` says. One connection a call."""

    def __init__(self, ready: dict[str, Any], timeout_seconds: float = 10.0) -> None:
        self.port = int(ready["port"])
        self.key = str(ready.get("key", ""))
        self.secret = str(ready.get("secret", ""))
        self.timeout_seconds = timeout_seconds

    def call(self, method: str, path: str, /, is_signed: bool = True, **params: object) -> Answer:
        """Status and JSON body. Raises OSError or HTTPException when there is no answer."""
        query = urllib.parse.urlencode(params)
        if is_signed:
            query += ("&" if query else "") + f"timestamp={time.time_ns() // 1_000_000}"
            query += "&signature=" + hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return self._send(method, f"{path}?{query}" if query else path, None)

    def control(self, path: str, body: dict[str, object] | None = None) -> Answer:
        """A control call of the exchange's own: GET, or POST with a body."""
        return self._send("GET" if body is None else "POST", path, body)

    def _send(self, method: str, path: str, body: dict[str, object] | None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_seconds)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"X-MBX-APIKEY": self.key})
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        try:
            return reply.status, json.loads(text)
        except ValueError:
            return reply.status, text.decode(errors="replace")

    # What the tests ask again and again --------------------------------------------------------------------------

    def good(self, method: str, path: str, /, **params: object) -> Any:
        """The body of an answer that must be a success."""
        status, body = self.call(method, path, **params)
        assert status == 200, (status, body)
        return body

    def fault(self, kind: str, **args: object) -> None:
        status, body = self.control("/x/fault", {"kind": kind, "args": args})
        assert status == 200, body

    def bid(self) -> float:
        body = self.call("GET", "/api/v3/ticker/bookTicker", is_signed=False, symbol="ETHUSDT")[1]
        return float(body["bidPrice"])

    def place(self, name: str, price: float, /, side: str = "BUY", **params: object) -> Answer:
        """A spot LIMIT order of 0.02 ETH."""
        return self.call(
            "POST",
            "/api/v3/order",
            **{
                "symbol": "ETHUSDT",
                "side": side,
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": "0.02",
                "price": f"{price:.2f}",
                "newClientOrderId": name,
                **params,
            },
        )

    def order(self, name: str) -> Answer:
        return self.call("GET", "/api/v3/order", symbol="ETHUSDT", origClientOrderId=name)

    def cancel(self, name: str) -> Answer:
        return self.call("DELETE", "/api/v3/order", symbol="ETHUSDT", origClientOrderId=name)

    def balances(self) -> dict[str, tuple[str, str]]:
        rows = self.good("GET", "/api/v3/account")["balances"]
        return {row["asset"]: (row["free"], row["locked"]) for row in rows}
