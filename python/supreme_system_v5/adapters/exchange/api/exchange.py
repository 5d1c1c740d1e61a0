"""The exchange as a pure object: accounts, keys, venues, limits; a Call goes in, a Reply comes out.

Used by REST and by the WebSocket API alike; no socket, no clock. The same calls at the same market times give the same
replies and events. What a call makes happen is told to the user streams before its reply is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.exchange.api.auth import check_signed, known_key
from supreme_system_v5.adapters.exchange.api.call import Call, Reply
from supreme_system_v5.adapters.exchange.api.endpoint import NONE, TRADE, USER_STREAM, Endpoint
from supreme_system_v5.adapters.exchange.api.errors import refusal_body, refused, unauthorized, unsupported
from supreme_system_v5.adapters.exchange.api.keys import Key, KeyRing
from supreme_system_v5.adapters.exchange.api.listen_keys import ListenKeys
from supreme_system_v5.adapters.exchange.api.order_limits import (
    MAKER_CREDIT,
    TAKER_CREDIT,
    OrderLimits,
    limit_head,
)
from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.api.routes import VERSION, Routes
from supreme_system_v5.adapters.exchange.api.user_streams import UserStreams
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from supreme_system_v5.adapters.exchange.rest.limits import REQUEST_WEIGHT, WeightLimiter, limit_of
from supreme_system_v5.adapters.exchange.rest.views import find_ws
from supreme_system_v5.core.domain.instrument import SPOT, USDM
from supreme_system_v5.core.matching.exchange.happenings import Happening, OrderUpdate
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.words import X_TRADE

if TYPE_CHECKING:
    from supreme_system_v5.core.matching.exchange.spot import SpotVenue
    from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue

NS_PER_MS: Final = 1_000_000
_REPLACE_MODE: Final = "orderRateLimitExceededMode"


class Exchange:
    """One venue or one of each. ``spot`` and ``usdm`` raise KeyError where that market is not served.

    ``limits_factor`` raises the venue's limits. ``limiter`` may be shared with whoever serves market data.
    """

    def __init__(
        self,
        markets: Mapping[str, SimMarket],
        spot: SpotVenue | None = None,
        usdm: UsdmVenue | None = None,
        routes: Routes | None = None,
        seed: int = 0,
        limits_factor: int = 1,
        limiter: WeightLimiter | None = None,
    ) -> None:
        self.markets = dict(markets)
        self._spot = spot
        self._usdm = usdm
        self.routes = routes if routes is not None else Routes(())
        self.keys = KeyRing(seed)
        self.listen_keys = ListenKeys(seed)
        self.limiter = limiter if limiter is not None else WeightLimiter(factor=limits_factor)
        self.order_limits = OrderLimits(limits_factor)
        self.streams = UserStreams(self._make_event)
        self.order_refusal: Refusal | None = None  # of this call: a new order would be one too many (cancelReplace)
        # Limits may run on a clock that moves while the market stands; ns, 0 = on the market's.
        self.limit_clock: Callable[[], int] = lambda: 0
        self.skew_ns: Callable[[str, int], int] = lambda _market, _time_ns: 0  # a fault: how wrong its clock is
        self._listeners: list[Callable[[str, list[Happening]], None]] = []
        self._weight_heads: dict[str, bytes] = {}
        self._offset_ns = 0  # of the market that is being served
        self._unit_ns = NS_PER_MS  # of the request or the event that is being served

    @property
    def spot(self) -> SpotVenue:
        if self._spot is None:
            raise KeyError(SPOT)
        return self._spot

    @property
    def usdm(self) -> UsdmVenue:
        if self._usdm is None:
            raise KeyError(USDM)
        return self._usdm

    def ms(self, time_ns: int) -> int:
        """The exchange's clock at a market time, for the call or the event being served right now.

        Milliseconds, or microseconds when the client asked for them (the same as ``params.stamp``).
        """
        return (time_ns + self._offset_ns) // self._unit_ns

    def clock_ns(self, market: str, time_ns: int) -> int:
        """The exchange's clock of a market at a market time, ns, as it checks and tells times by it."""
        return time_ns + self.markets[market].offset_ns + self.skew_ns(market, time_ns)

    def limit_ns(self, market: str, time_ns: int) -> int:
        """The clock that the limits run on, ns."""
        return self.limit_clock() or time_ns + self.markets[market].offset_ns

    # Accounts ----------------------------------------------------------------------------------------------------

    def open_account(self, name: str, spot_e8: Mapping[str, int], usdm_e8: int) -> Key:
        """A new account with balances (spot by asset, USD-M in USDT) and a key. Raises ValueError when it is there."""
        if self.keys.of_account(name):
            raise ValueError(f"account {name!r} exists")
        if self._spot is not None:
            self._spot.open_account(name, dict(spot_e8))
        if self._usdm is not None:
            self._usdm.open_account(name, {"USDT": usdm_e8})
        return self.keys.make(name)

    # Calls -------------------------------------------------------------------------------------------------------

    def call(self, call: Call, time_ns: int) -> Reply:
        """Answer a request at a market time. Never raises for what a client sends."""
        endpoint = self.routes.find(call)
        if endpoint is None:
            return self._other(call, time_ns)
        limit_ns = self.limit_ns(call.market, time_ns)
        weight = endpoint.weight_of(call.params)
        headers: dict[str, str] = {}
        limited = self.charge(call, weight, limit_ns, headers)
        if limited is not None:
            return limited
        self._serve(call.market, call.is_micro)
        account = ""
        try:
            account = self.authorize(endpoint.security, call, time_ns)
            body, status = self._perform(endpoint, call, account, time_ns, limit_ns), 200
            if endpoint.orders > 0 and not call.is_websocket:
                headers.update(self.order_limits.headers(call.market, account, limit_ns))
            if call.market == SPOT and endpoint.security == TRADE:
                self._weigh(headers, self.limiter.refund(SPOT, weight, limit_ns / 1e9, call.address))
        except Refusal as refusal:
            body, status = refusal_body(refusal), refusal.status
            if refusal is self.order_refusal:
                wait = self.order_limits.wait_seconds(call.market, account, endpoint.orders, limit_ns)
                headers["Retry-After"] = str(wait)
        self.order_refusal = None
        self.settle(call.market, time_ns)
        return Reply(status, body, headers)

    def _perform(self, endpoint: Endpoint, call: Call, account: str, time_ns: int, limit_ns: int) -> object:
        params = Params(call.params, call.market, self._offset_ns, call.is_micro, self.markets[call.market].symbol)
        if endpoint.orders <= 0:
            return endpoint.handler(self, account, params, time_ns)
        self.order_refusal = self.order_limits.refusal(call.market, account, endpoint.orders, limit_ns)
        if self.order_refusal is not None and call.params.get(_REPLACE_MODE) != "CANCEL_ONLY":
            raise self.order_refusal
        body = endpoint.handler(self, account, params, time_ns)
        self.order_limits.add(call.market, account, endpoint.orders, limit_ns)
        return body

    def _other(self, call: Call, time_ns: int) -> Reply:
        """Market data of the WebSocket API, or nothing that is served."""
        if not call.is_websocket:
            return self.routes.missing(call.path)
        view = find_ws(call.market, call.path.removeprefix(VERSION[call.market]))
        if view is None:
            return refused(unsupported(call.path))
        headers: dict[str, str] = {}
        limited = self.charge(call, view.weight_of(call.params), self.limit_ns(call.market, time_ns), headers)
        if limited is not None:
            return limited
        market = self.markets[call.market]
        try:
            if view.needs_key:
                known_key(self.keys, call.api_key)
            clock_offset_ns = self.clock_ns(call.market, time_ns) - time_ns
            params = Params(call.params, call.market, clock_offset_ns, call.is_micro, market.symbol)
            return Reply(200, view.body(market, params, time_ns), headers)
        except Refusal as refusal:
            return refused(refusal, headers)

    def charge(self, call: Call, weight: int, limit_ns: int, headers: dict[str, str]) -> Reply | None:
        """Count a request's weight; the reply when it is refused for it."""
        now = limit_ns / 1e9
        used = self.limiter.charge(call.market, weight, now, call.address)
        self._weigh(headers, used)
        refusal = self.limiter.refusal(call.market, used, now, call.address)
        if refusal is None:
            return None
        status, wait_seconds = refusal
        headers["Retry-After"] = str(wait_seconds)
        until_ms = limit_ns // NS_PER_MS + wait_seconds * 1_000
        data = {"serverTime": limit_ns // NS_PER_MS, "retryAfter": until_ms} if call.is_websocket else None
        message = self._limit_message(call.market, status, until_ms, call.address)
        return refused(Refusal(-1003, message, status, data), headers)

    def _limit_message(self, market: str, status: int, until_ms: int, address: str) -> str:
        limit = self.limiter.limit(market)
        if market == SPOT:
            if status == 418:
                return (
                    f"Way too much request weight used; IP banned until {until_ms}. "
                    "Please use WebSocket Streams for live updates to avoid bans."
                )
            return (
                f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
        if status == 418:
            return (
                f"Way too many requests; IP({address}) banned until {until_ms}. "
                "Please use the websocket for live updates to avoid bans."
            )
        return (
            f"Too many requests; current limit of IP({address}) is {limit} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API."
        )

    @staticmethod
    def _weigh(headers: dict[str, str], used: int) -> None:
        headers["X-MBX-USED-WEIGHT"] = headers["X-MBX-USED-WEIGHT-1M"] = str(used)

    def authorize(self, security: str, call: Call, time_ns: int) -> str:
        """The account that may make this call, "" where anybody may. Raises Refusal."""
        if security == NONE:
            return ""
        if security == USER_STREAM:
            if call.api_key or not call.is_websocket:
                return known_key(self.keys, call.api_key).account
            if not call.session_account:
                raise unauthorized()
            return call.session_account
        arrived_ns = call.arrived_ns or time_ns
        account = check_signed(self.keys, call, self.clock_ns(call.market, arrived_ns))
        if arrived_ns != time_ns:
            self._check_again(call, time_ns)
        return account

    def _check_again(self, call: Call, time_ns: int) -> None:
        """The second look at the time window, just before the request is executed."""
        from supreme_system_v5.adapters.exchange.api.auth import check_timing

        try:
            check_timing(call, self.clock_ns(call.market, time_ns))
        except Refusal:
            if call.market == SPOT:
                raise
            raise Refusal(-5028, "Timestamp for this request is outside of the ME recvWindow.") from None

    # Limits, as a WebSocket API reply shows them ----------------------------------------------------------------

    def limit_entries(self, call: Call, account: str, has_orders: bool, time_ns: int) -> bytes:
        """``rateLimits``: the order counts where the request places orders, then the weight."""
        limit_ns = self.limit_ns(call.market, time_ns)
        entries = self.order_limits.entries(call.market, account, limit_ns) if has_orders and account else []
        head = self._weight_heads.get(call.market)
        if head is None:
            own = limit_of(call.market, REQUEST_WEIGHT)
            assert own is not None
            head = limit_head(own._replace(limit=self.limiter.limit(call.market)))
            self._weight_heads[call.market] = head
        entries.append(b"%b%d}" % (head, self.limiter.used(call.market, limit_ns / 1e9, call.address)))
        return b"[" + b",".join(entries) + b"]"

    # What happens ------------------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[str, list[Happening]], None]) -> None:
        """``listener(market, happenings)`` is told everything that happens, after the user streams."""
        self._listeners.append(listener)

    def settle(self, market: str, time_ns: int = 0) -> None:
        """Tell what has happened since the last time. ``time_ns``: of the command that was carried out, which the
        public may have to see; 0 after a step of the market, which has seen to that itself.
        """
        venue: Any = self._spot if market == SPOT else self._usdm
        if venue is None:
            return
        if time_ns > 0:
            self.markets[market].settle(time_ns)
        happenings: list[Happening] = venue.take_happenings()
        if happenings:
            if market == SPOT:
                self._credit_fills(happenings)
            self.streams.publish(market, happenings)
            for listener in self._listeners:
                listener(market, happenings)

    def advance(self, time_ns: int) -> None:
        """The market is at this time now: listen keys end."""
        if time_ns < self.listen_keys.due_ns:
            return
        for account, key in self.listen_keys.expire(time_ns):
            stamp = self.clock_ns(USDM, time_ns) // NS_PER_MS
            self.streams.send(USDM, account, {"e": "listenKeyExpired", "E": stamp, "listenKey": key})
            self.streams.end(USDM, account, key)

    def _credit_fills(self, happenings: Iterable[Happening]) -> None:
        """An order that begins to trade is taken off the unfilled count."""
        for item in happenings:
            if not isinstance(item, OrderUpdate) or item.execution != X_TRADE or item.fill is None:
                continue
            if int(item.order.filled_e8) == item.fill.quantity_e8:
                credit = MAKER_CREDIT if item.fill.is_maker else TAKER_CREDIT
                self.order_limits.add(SPOT, item.account, -credit, self.limit_ns(SPOT, item.time_ns))

    def _serve(self, market: str, is_micro: bool) -> None:
        self._offset_ns = self.markets[market].offset_ns
        self._unit_ns = 1_000 if is_micro else NS_PER_MS

    def _make_event(self, market: str, happening: Happening, is_micro: bool) -> Any:
        self._serve(market, is_micro)
        if market == SPOT:
            from supreme_system_v5.adapters.exchange.api.spot_json import user_event

            return user_event(happening, self)
        from supreme_system_v5.adapters.exchange.api.usdm_json import user_event as usdm_event

        return usdm_event(happening, self)

    # Over a restart ----------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """Everything that determines the future, JSON-able (the markets keep their own state)."""
        return {
            "keys": self.keys.save(),
            "listen_keys": self.listen_keys.save(),
            "limits": self.limiter.save(),
            "orders": self.order_limits.save(),
            "spot": self._spot.save() if self._spot is not None else None,
            "usdm": self._usdm.save() if self._usdm is not None else None,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from a saved state. Raises KeyError, TypeError or ValueError for what is none."""
        self.keys.restore(saved["keys"])
        self.listen_keys.restore(saved["listen_keys"])
        self.limiter.restore(saved["limits"])
        self.order_limits.restore(saved["orders"])
        if self._spot is not None and saved["spot"] is not None:
            self._spot.restore(saved["spot"])
        if self._usdm is not None and saved["usdm"] is not None:
            self._usdm.restore(saved["usdm"])
