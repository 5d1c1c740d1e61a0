"""The WebSocket API without its socket: frames in, frames out."""

from __future__ import annotations

import json
from typing import Any

from supreme_system_v5.adapters.exchange.api.keys import Key
from supreme_system_v5.adapters.exchange.api.ws_session import WsSession
from tests.adapters.exchange.api.desk import START_MS, Desk, Ed25519, hmac_of
from tests.adapters.exchange.worlds import SECOND, START_NS


class Line:
    """A session and what it was sent."""

    def __init__(self, desk: Desk | None = None, market: str = "spot", **options: Any) -> None:
        self.desk = desk or Desk()
        self.events: list[Any] = []
        self.session = WsSession(
            self.desk.exchange, market, lambda event: self.events.append(json.loads(event)), START_NS, "ip", **options
        )

    def ask(self, method: str, time_ns: int = START_NS, number: object = 1, **params: Any) -> Any:
        frame = json.dumps({"id": number, "method": method, "params": params})
        reply = json.loads(self.session.answer(frame, time_ns))
        self.session.follow()
        return reply

    def signed(self, method: str, key: Key | None = None, pair: Ed25519 | None = None, **params: Any) -> Any:
        key = key or self.desk.key
        params = {"apiKey": key.api_key, "timestamp": START_MS, **params}
        payload = "&".join(f"{name}={_text(params[name])}" for name in sorted(params))
        params["signature"] = pair.sign(payload) if pair is not None else hmac_of(key.secret, payload)
        return self.ask(method, **params)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_request_and_response() -> None:
    line = Line()
    assert line.session.open(START_NS) is None
    reply = line.ask("time", number="abc")
    assert reply == {
        "id": "abc",
        "status": 200,
        "result": {"serverTime": START_MS},
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 3}
        ],
    }
    assert line.ask("ping", number=None)["id"] is None
    assert line.ask("v3/ping")["result"] == {}
    assert line.ask("depth", symbol="ETHUSDT", limit=5)["result"]["bids"]
    assert line.ask("depth", symbol="NOPE")["error"] == {"code": -1121, "msg": "Invalid symbol."}
    assert line.ask("depth", symbol="ETHUSDT", limit=5)["rateLimits"][0]["count"] == 20
    assert line.ask("klines", symbol="ETHUSDT", interval="1m", limit=2)["status"] == 200
    assert line.ask("exchangeInfo", symbols=["ETHUSDT"])["result"]["symbols"][0]["symbol"] == "ETHUSDT"


def test_what_is_no_request() -> None:
    line = Line()
    for frame in ("", "{", "[]", '{"id":1}', '{"id":1,"method":5}', '{"id":1,"method":"ping","params":[]}'):
        reply = json.loads(line.session.answer(frame, START_NS))
        assert (reply["id"], reply["status"], reply["error"]["code"]) == (None, 400, -1135), frame
    assert line.ask("no.such.method")["error"]["code"] == -1020


def test_rate_limits_are_shown_or_hidden() -> None:
    assert "rateLimits" not in Line().ask("time", returnRateLimits=False)
    quiet = Line(is_limits_shown=False)
    assert "rateLimits" not in quiet.ask("time")
    assert "rateLimits" in quiet.ask("time", returnRateLimits=True)
    placed = Line().signed("place")
    assert [row["rateLimitType"] for row in placed["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
    assert [row["count"] for row in placed["rateLimits"]] == [1, 1, 0]
    assert [row["rateLimitType"] for row in Line().signed("mine")["rateLimits"]] == ["REQUEST_WEIGHT"]


def test_signed_requests() -> None:
    line = Line()
    reply = line.signed("place", quantity="0.01000000", side="BUY")
    assert reply["result"]["account"] == "main"
    assert reply["result"]["quantity"] == 1_000_000
    # A number counts as it is written, because that is what was signed.
    raw = f'"apiKey":"{line.desk.key.api_key}","quantity":0.0100,"timestamp":{START_MS}'
    payload = f"apiKey={line.desk.key.api_key}&quantity=0.0100&timestamp={START_MS}"
    signature = hmac_of(line.desk.key.secret, payload)
    frame = f'{{"id":7,"method":"place","params":{{{raw},"signature":"{signature}"}}}}'
    assert json.loads(line.session.answer(frame, START_NS))["result"]["quantity"] == 1_000_000
    assert line.ask("mine")["error"]["code"] == -1002
    assert line.ask("mine")["status"] == 401
    assert line.ask("mine", apiKey=line.desk.key.api_key, timestamp=START_MS)["error"]["code"] == -1102
    assert line.signed("mine", timestamp=START_MS - 6_000)["error"]["code"] == -1021
    assert line.signed("refused")["error"] == {"code": -2010, "msg": "Duplicate order sent."}


def test_microseconds() -> None:
    line = Line(is_micro=True)
    assert line.ask("time")["result"]["serverTime"] == START_MS * 1_000
    reply = line.signed("mine")["result"]
    assert reply["time"] == reply["ms"] == START_MS * 1_000


def test_a_session_of_an_ed25519_key() -> None:
    line = Line()
    pair = Ed25519()
    key = line.desk.exchange.keys.register("ed", pair.pem)
    assert line.signed("session.logon")["error"]["code"] == -4056  # HMAC
    status = line.ask("session.status")["result"]
    assert (status["apiKey"], status["authorizedSince"], status["connectedSince"]) == (None, None, START_MS)
    logon = line.signed("session.logon", key, pair)
    assert logon["result"] == {
        "apiKey": key.api_key,
        "authorizedSince": START_MS,
        "connectedSince": START_MS,
        "returnRateLimits": True,
        "serverTime": START_MS,
        "userDataStream": False,
    }
    assert line.ask("mine", timestamp=START_MS)["result"]["account"] == "ed"
    assert line.ask("mine")["error"]["code"] == -1102  # the timestamp is still needed
    assert line.signed("mine")["result"]["account"] == "main"  # a key of its own goes first
    assert line.ask("userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    assert line.ask("session.status")["result"]["userDataStream"] is True
    assert line.ask("session.logout", START_NS + SECOND)["result"]["apiKey"] is None
    assert line.events == [{"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": START_MS + 1_000}}]
    assert line.ask("mine", timestamp=START_MS)["status"] == 401


def test_a_revoked_key_ends_the_session() -> None:
    line = Line()
    pair = Ed25519()
    key = line.desk.exchange.keys.register("ed", pair.pem)
    line.signed("session.logon", key, pair)
    line.desk.exchange.keys.remove(key.api_key)
    assert line.ask("mine", timestamp=START_MS)["error"]["code"] == -2015
    assert line.ask("session.status")["result"]["apiKey"] is None


def test_subscriptions() -> None:
    line = Line()
    other = line.desk.exchange.keys.make("other")
    assert line.ask("userDataStream.subscribe")["status"] == 401
    assert line.signed("userDataStream.subscribe.signature")["result"] == {"subscriptionId": 0}
    assert line.signed("userDataStream.subscribe.signature")["error"]["code"] == -2035
    assert line.signed("userDataStream.subscribe.signature", other)["result"] == {"subscriptionId": 1}
    assert line.ask("session.subscriptions")["result"] == [{"subscriptionId": 0}, {"subscriptionId": 1}]
    assert line.ask("userDataStream.unsubscribe", subscriptionId=5)["error"]["code"] == -2036
    assert line.ask("userDataStream.unsubscribe", subscriptionId=0)["result"] == {}
    assert line.events[-1]["event"]["e"] == "eventStreamTerminated"
    assert line.signed("userDataStream.subscribe.signature")["result"] == {
        "subscriptionId": 2
    }  # ids are not used again
    assert line.ask("userDataStream.unsubscribe")["result"] == {}
    assert line.ask("session.subscriptions")["result"] == []
    assert line.desk.exchange.streams.count() == 0
    line.signed("userDataStream.subscribe.signature")
    line.session.close()
    assert line.desk.exchange.streams.count() == 0


def test_too_much_weight_says_when_to_come_back() -> None:
    line = Line()
    for _ in range(300):
        line.signed("mine")
    reply = line.signed("mine")
    assert (reply["status"], reply["error"]["code"]) == (429, -1003)
    data = reply["error"]["data"]
    assert data["serverTime"] == START_MS
    assert START_MS < data["retryAfter"] <= START_MS + 61_000


def test_usdm_has_no_spot_subscriptions() -> None:
    line = Line(market="usdm")
    assert line.signed("place")["result"]["account"] == "main"
    assert line.signed("userDataStream.subscribe.signature")["error"]["code"] == -1020
    assert "userDataStream" not in line.ask("session.status")["result"]
