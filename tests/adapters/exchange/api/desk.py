"""Helpers of the API's tests: an exchange with small endpoints of its own, signed calls, keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from supreme_system_v5.adapters.exchange.api.call import Call, Reply
from supreme_system_v5.adapters.exchange.api.endpoint import NONE, TRADE, USER_DATA, Endpoint
from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.keys import Key
from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.api.routes import Routes
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from tests.adapters.exchange.worlds import START_NS, generated

START_MS = START_NS // 1_000_000


def echo(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """Says who asked, when, and with which quantity."""
    quantity_e8 = params.decimal("quantity")
    side = params.text("side")
    params.done()
    return {
        "account": account,
        "quantity": quantity_e8,
        "side": side,
        "time": params.stamp(time_ns),
        "ms": x.ms(time_ns),
    }


def refuse(_x: Exchange, _account: str, _params: Params, _time_ns: int) -> object:
    raise Refusal(-2010, "Duplicate order sent.")


ENDPOINTS = [
    Endpoint("spot", "GET", "/api/v3/open", "open", NONE, 3, echo),
    Endpoint("spot", "GET", "/api/v3/mine", "mine", USER_DATA, 20, echo),
    Endpoint("spot", "POST", "/api/v3/place", "place", TRADE, 1, echo, 1),
    Endpoint("spot", "POST", "/api/v3/refused", "refused", TRADE, 1, refuse, 1),
    Endpoint("usdm", "POST", "/fapi/v1/place", "place", TRADE, 1, echo, 1),
]


class Desk:
    """An exchange without venues, and a client that signs. ``factor`` raises the limits."""

    def __init__(self, factor: int = 1) -> None:
        markets = {name: generated(name) for name in ("spot", "usdm")}
        self.exchange = Exchange(markets, routes=Routes(ENDPOINTS), seed=1, limits_factor=factor)
        self.key = self.exchange.keys.make("main")

    def sign(self, params: dict[str, Any], key: Key | None = None) -> dict[str, str]:
        """The parameters with a timestamp (now, unless there is one) and a signature over their encoded text."""
        signed = {"timestamp": str(START_MS), **{name: str(value) for name, value in params.items()}}
        return {**signed, "signature": hmac_of((key or self.key).secret, urlencode(signed))}

    def rest(self, method: str, path: str, time_ns: int = START_NS, api_key: str | None = None, **params: Any) -> Reply:
        """A signed REST call."""
        signed = self.sign(params)
        signature = signed.pop("signature")
        market = "spot" if path.startswith("/api") else "usdm"
        key = self.key.api_key if api_key is None else api_key
        call = Call(market, method, path, {**signed, "signature": signature}, urlencode(signed), key, signature, "ip")
        return self.exchange.call(call, time_ns)


def hmac_of(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


class Ed25519:
    """A private key as a client holds it."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        public = self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.pem = public.decode()

    def sign(self, payload: str) -> str:
        return base64.b64encode(self._private.sign(payload.encode())).decode()


def code_of(reply: Reply) -> tuple[int, Any]:
    """HTTP status and the venue's code."""
    assert isinstance(reply.body, dict), reply.body
    return reply.status, reply.body.get("code")
