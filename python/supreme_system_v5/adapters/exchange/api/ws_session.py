"""One connection to the WebSocket API, without its socket: requests in, replies and events out.

Methods about the connection itself (session.*, userDataStream.subscribe and its kin) are answered here, everything
else by the exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from supreme_system_v5.adapters.exchange.api.auth import check_signed
from supreme_system_v5.adapters.exchange.api.call import Call, Reply
from supreme_system_v5.adapters.exchange.api.errors import refused, unauthorized
from supreme_system_v5.adapters.exchange.api.exchange import NS_PER_MS, Exchange
from supreme_system_v5.adapters.exchange.api.keys import Key
from supreme_system_v5.adapters.exchange.api.user_streams import Subscription, encode
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.matching.exchange.refusal import Refusal

CONNECT_WEIGHT: Final = {"spot": 2, "usdm": 5}
SUBSCRIPTIONS_MAX: Final = 65_535
_SESSION_WEIGHT: Final = 2


class Request(msgspec.Struct):
    """One frame from a client; numbers stay as they were written, because that is what was signed."""

    method: str
    id: msgspec.Raw = msgspec.Raw(b"null")
    params: dict[str, msgspec.Raw] | None = None


_decoder: Final = msgspec.json.Decoder(Request)
_text: Final = msgspec.json.Decoder(str)
_INVALID_JSON: Final = b'{"id":null,"status":400,"error":{"code":-1135,"msg":"Invalid JSON Request"}}'


def read_params(request: Request) -> dict[str, str]:
    """Parameters as texts: strings decoded, everything else as written; null = not sent."""
    params: dict[str, str] = {}
    for name, raw in (request.params or {}).items():
        value = bytes(raw)
        if value[:1] == b'"':
            params[name] = _text.decode(value)
        elif value != b"null":
            params[name] = value.decode()
    return params


class WsSession:
    """``send`` takes the JSON of an event. ``address``: for the limits. ``is_limits_shown``: rateLimits by default."""

    def __init__(
        self,
        exchange: Exchange,
        market: str,
        send: Callable[[bytes], None],
        connected_ns: int,
        address: str = "",
        is_micro: bool = False,
        is_limits_shown: bool = True,
    ) -> None:
        self.exchange = exchange
        self.market = market
        self.address = address
        self.is_micro = is_micro
        self.is_limits_shown = is_limits_shown
        self._send = send
        self._connected_ns = connected_ns
        self._key: Key | None = None  # of session.logon
        self._authorized_ns = 0
        self._subscriptions: dict[int, Subscription] = {}
        self._own = -1  # the subscription that userDataStream.subscribe made
        self._next_id = 0
        self._after: list[bytes] = []  # events that follow the reply
        self._methods: Final[dict[str, Callable[[Call, int], object]]] = {
            "session.logon": self._logon,
            "session.status": lambda _call, time_ns: self._status(time_ns),
            "session.logout": self._logout,
        }
        if market == SPOT:
            self._methods.update(
                {
                    "session.subscriptions": self._list,
                    "userDataStream.subscribe": self._subscribe,
                    "userDataStream.subscribe.signature": self._subscribe_signed,
                    "userDataStream.unsubscribe": self._unsubscribe,
                }
            )

    def open(self, time_ns: int) -> Reply | None:
        """Count the connection; the reply when it is refused."""
        call = Call(self.market, "", "", {}, address=self.address, is_websocket=True)
        limit_ns = self.exchange.limit_ns(self.market, time_ns)
        return self.exchange.charge(call, CONNECT_WEIGHT[self.market], limit_ns, {})

    def close(self) -> None:
        """The connection is gone."""
        for subscription in self._subscriptions.values():
            self.exchange.streams.remove(subscription)
        self._subscriptions.clear()

    # Requests ----------------------------------------------------------------------------------------------------

    def read(self, frame: str | bytes) -> tuple[Request, Call] | None:
        """A frame as a call; None when it is no request (answer with ``invalid``)."""
        try:
            request = _decoder.decode(frame)
            params = read_params(request)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
            return None
        signature = params.get("signature", "")
        payload = ""
        if signature:
            payload = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
        call = Call(
            self.market,
            "",
            request.method,
            params,
            payload,
            params.get("apiKey", ""),
            signature,
            self.address,
            True,
            self.is_micro,
            self._key.account if self._key is not None else "",
        )
        return request, call

    @staticmethod
    def invalid() -> bytes:
        """The reply to what is no request."""
        return _INVALID_JSON

    def perform(self, call: Call, time_ns: int) -> Reply:
        """Execute a call."""
        shown = call.params.pop("returnRateLimits", "")
        revoked = self._revoked()
        if revoked is not None:
            return revoked
        method = self._methods.get(call.path.removeprefix("v3/" if self.market == SPOT else "v1/"))
        if method is None:
            reply = self.exchange.call(call, time_ns)
        else:
            reply = self._perform_own(method, call, time_ns)
        if shown:
            call.params["returnRateLimits"] = shown
        return reply

    def frame(self, request: Request, call: Call, reply: Reply, time_ns: int) -> bytes:
        """The reply as it is sent."""
        body = reply.body if isinstance(reply.body, bytes) else encode(reply.body)
        name = b"result" if reply.status == 200 else b"error"
        text = b'{"id":%b,"status":%d,"%b":%b' % (bytes(request.id), reply.status, name, body)
        shown = call.params.get("returnRateLimits", "")
        if shown == "true" or (self.is_limits_shown and shown != "false"):
            endpoint = self.exchange.routes.find(call)
            has_orders = endpoint is not None and endpoint.orders > 0
            account = self._account_of(call) if has_orders else ""
            text += b',"rateLimits":' + self.exchange.limit_entries(call, account, has_orders, time_ns)
        return text + b"}"

    def answer(self, frame: str | bytes, time_ns: int) -> bytes:
        """Read, perform, frame: the whole way of a request without faults."""
        found = self.read(frame)
        if found is None:
            return _INVALID_JSON
        request, call = found
        return self.frame(request, call, self.perform(call, time_ns), time_ns)

    def follow(self) -> None:
        """Send what follows the last reply (eventStreamTerminated)."""
        for event in self._after:
            self._send(event)
        self._after.clear()

    def _account_of(self, call: Call) -> str:
        key = self.exchange.keys.get(call.api_key) if call.api_key else None
        return key.account if key is not None else call.session_account

    def _perform_own(self, method: Callable[[Call, int], object], call: Call, time_ns: int) -> Reply:
        headers: dict[str, str] = {}
        limited = self.exchange.charge(call, _SESSION_WEIGHT, self.exchange.limit_ns(self.market, time_ns), headers)
        if limited is not None:
            return limited
        try:
            return Reply(200, method(call, time_ns), headers)
        except Refusal as refusal:
            return refused(refusal, headers)

    def _revoked(self) -> Reply | None:
        """A session whose key is gone ends with its next request."""
        if self._key is None or self.exchange.keys.get(self._key.api_key) is self._key:
            return None
        self._end_session(0)
        return refused(Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401))

    # The session -------------------------------------------------------------------------------------------------

    def _stamp(self, time_ns: int) -> int:
        return self.exchange.clock_ns(self.market, time_ns) // (1_000 if self.is_micro else NS_PER_MS)

    def _status(self, time_ns: int) -> dict[str, object]:
        key = self._key
        status: dict[str, object] = {
            "apiKey": key.api_key if key is not None else None,
            "authorizedSince": self._stamp(self._authorized_ns) if key is not None else None,
            "connectedSince": self._stamp(self._connected_ns),
            "returnRateLimits": self.is_limits_shown,
            "serverTime": self._stamp(time_ns),
        }
        if self.market == SPOT:
            status["userDataStream"] = bool(self._subscriptions)
        return status

    def _logon(self, call: Call, time_ns: int) -> object:
        call.session_account = ""
        check_signed(self.exchange.keys, call, self.exchange.clock_ns(self.market, time_ns))
        key = self.exchange.keys.get(call.api_key)
        if key is None or not key.is_ed25519:
            raise Refusal(-4056, "HMAC_SHA256 API key is not supported.")
        if self._key is not None and self._key is not key:
            self._end_session(time_ns)
        self._key = key
        self._authorized_ns = time_ns
        return self._status(time_ns)

    def _logout(self, _call: Call, time_ns: int) -> object:
        self._end_session(time_ns)
        return self._status(time_ns)

    def _end_session(self, time_ns: int) -> None:
        if self._own in self._subscriptions:
            self._end_subscription(self._own, time_ns)
        self._own = -1
        self._key = None
        self._authorized_ns = 0

    # User data streams (spot) ------------------------------------------------------------------------------------

    def _subscribe(self, call: Call, _time_ns: int) -> object:
        if self._key is None:
            raise unauthorized()
        number = self._add(call.session_account)
        self._own = number
        return {"subscriptionId": number}

    def _subscribe_signed(self, call: Call, time_ns: int) -> object:
        call.session_account = ""
        account = check_signed(self.exchange.keys, call, self.exchange.clock_ns(self.market, time_ns))
        return {"subscriptionId": self._add(account)}

    def _add(self, account: str) -> int:
        if any(item.account == account for item in self._subscriptions.values()):
            raise Refusal(-2035, "User Data Stream subscription already active.")
        if self._next_id > SUBSCRIPTIONS_MAX:
            raise Refusal(-2042, "Maximum subscription ID reached for this connection.")
        number = self._next_id
        self._next_id += 1
        head = b'{"subscriptionId":%d,"event":' % number

        def deliver(event: bytes) -> None:
            self._send(head + event + b"}")

        subscription = Subscription(SPOT, account, deliver, self.is_micro)
        self._subscriptions[number] = subscription
        self.exchange.streams.add(subscription)
        return number

    def _unsubscribe(self, call: Call, time_ns: int) -> object:
        text = call.params.get("subscriptionId", "")
        numbers = list(self._subscriptions)
        if text:
            numbers = [int(text)] if text.isascii() and text.isdigit() and len(text) < 7 else []
        if not numbers or numbers[0] not in self._subscriptions:
            raise Refusal(-2036, "User Data Stream subscription not active.")
        for number in numbers:
            self._end_subscription(number, time_ns)
        return {}

    def _end_subscription(self, number: int, time_ns: int) -> None:
        self.exchange.streams.remove(self._subscriptions.pop(number))
        event: dict[str, Any] = {"e": "eventStreamTerminated", "E": self._stamp(time_ns)}
        self._after.append(encode({"subscriptionId": number, "event": event}))

    def _list(self, _call: Call, _time_ns: int) -> object:
        return [{"subscriptionId": number} for number in self._subscriptions]
