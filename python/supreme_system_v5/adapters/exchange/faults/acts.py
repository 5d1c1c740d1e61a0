"""Faults that need the venue: an order that fills as it is cancelled, one that fills in part, one rejected late.

FaultBox says which call is hit; here it is done to the venue, with the venue's own means, so that balances, books and
events stay consistent. ``before`` and ``after`` stand around the execution of every call and include FaultBox's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.adapters.exchange.faults.calls import PLACE, CallFault, operation
from supreme_system_v5.adapters.exchange.faults.kinds import Fault, delay_ns
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, NS_PER_MS
from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.exchange.happenings import PublicTrade
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.words import X_EXPIRED, X_REJECTED, ExchangeOrder
from supreme_system_v5.core.matching.liquidity import Liquidity

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.call import Call, Reply
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange
    from supreme_system_v5.adapters.exchange.faults.box import FaultBox

_LEVELS: Final = 20_000
_WITHDRAWN_LEVELS_MAX: Final = 200


class ThinLiquidity(Liquidity):
    """The market for one call: only so much of it can be taken."""

    def __init__(self, whole: Liquidity, left_e8: int) -> None:
        self.whole = whole
        self.left_e8 = left_e8

    def offered(self, side: int, limit_e8: int, count: int) -> list[tuple[int, int]]:
        levels: list[tuple[int, int]] = []
        left_e8 = self.left_e8
        for price_e8, quantity_e8 in self.whole.offered(side, limit_e8, count):
            if left_e8 <= 0:
                break
            levels.append((price_e8, min(quantity_e8, left_e8)))
            left_e8 -= quantity_e8
        return levels

    def take(self, side: int, price_e8: int, quantity_e8: int) -> None:
        self.left_e8 -= int(quantity_e8)
        self.whole.take(side, price_e8, quantity_e8)

    def shown_e8(self, side: int, price_e8: int) -> int:
        return int(self.whole.shown_e8(side, price_e8))

    def best_e8(self, side: int) -> int:
        return int(self.whole.best_e8(side))


class FaultActs:
    """Around the calls of one exchange."""

    def __init__(self, box: FaultBox, exchange: Exchange) -> None:
        self.box = box
        self._exchange = exchange
        self._thin: tuple[Any, ThinLiquidity] | None = None  # of the call under way: venue, what it sees
        self._late: list[tuple[int, str, str, int, str]] = []  # due_ns, market, account, order id, status

    def before(self, call: Call, now_ns: int) -> CallFault | None:
        """What ends the call before it is executed; else the venue is made ready for it."""
        found = self.box.before(call, now_ns)
        if found is not None:
            return found
        if not self.box.is_idle:
            self._race(call, now_ns)
            self._make_thin(call, now_ns)
        return None

    def seen_ns(self, call: Call, now_ns: int) -> int:
        """The market time that an answer is about: earlier for a stale snapshot over the WebSocket API."""
        return self.box.snapshot_ns(call, now_ns) if call.path.endswith("depth") else now_ns

    def touch_up(self, call: Call, reply: Reply, now_ns: int) -> None:
        """Correct an answer: the symbol's status in exchangeInfo over the WebSocket API."""
        if call.path.endswith("exchangeInfo") and isinstance(reply.body, bytes):
            reply.body = self.box.info_body(call.market, reply.body, now_ns)

    def after(self, call: Call, body: object, now_ns: int) -> CallFault | None:
        """What the client gets in place of the answer; ``body`` is the answer's."""
        if self._thin is not None:
            self._make_whole(call, body, now_ns)
        if self.box.is_idle:
            return None
        self._plan_rejection(call, body, now_ns)
        return self.box.after(call, now_ns)

    # Cancel races ------------------------------------------------------------------------------------------------

    def _race(self, call: Call, now_ns: int) -> None:
        fault = self.box.is_wanted("cancel_race", call, now_ns)
        order = self._cancelled(call, now_ns) if fault is not None else None
        if fault is None or order is None or not self.box.spend(fault, call, now_ns):
            return
        venue = self._venue(call.market)
        quantity_e8, price_e8 = int(order.remaining_e8), int(order.price_e8)
        already = len(venue.happenings)
        venue.matcher.party.fill(order, quantity_e8, price_e8, True, now_ns)
        if not any(isinstance(item, PublicTrade) for item in venue.happenings[already:]) and order.fills:
            trade_id = order.fills[-1].trade_id
            venue.happenings.append(PublicTrade(now_ns, trade_id, price_e8, quantity_e8, order.side == BUY))
        # A trade of nothing at its price: the venue looks at what follows from a trade.
        venue.on_trade(Trade(now_ns, now_ns // NS_PER_MS, now_ns // NS_PER_MS, 0, price_e8, 0, order.side == BUY))

    def _cancelled(self, call: Call, now_ns: int) -> ExchangeOrder | None:
        """The resting order that this call would cancel; None when there is none, or it may not."""
        try:
            account = self._exchange.authorize("TRADE", call, now_ns)
        except Refusal:
            return None
        venue = self._venue(call.market)
        params = call.params
        order_id = params.get("orderId") or params.get("cancelOrderId") or ""
        name = params.get("origClientOrderId") or params.get("cancelOrigClientOrderId") or ""
        order: ExchangeOrder | None = None
        if order_id.isascii() and order_id.isdigit():
            order = venue.orders.get(account, int(order_id))
        elif name:
            order = venue.orders.find_open(account, name)
        is_resting = order is not None and order.is_open and order in venue.matcher.resting.side(order.side).orders
        return order if is_resting else None

    # Partial fills -----------------------------------------------------------------------------------------------

    def _make_thin(self, call: Call, now_ns: int) -> None:
        fault = self.box.is_wanted("partial_fill", call, now_ns)
        if fault is None or operation(call.method, call.path) != PLACE:
            return
        venue = self._venue(call.market)
        side = -1 if call.params.get("side", "") == "SELL" else 1
        try:
            limit_e8 = parse_e8(call.params.get("price") or "0")
            wanted_e8 = parse_e8(call.params.get("quantity") or "0")
        except ValueError:
            return
        liquidity = venue.matcher.liquidity
        levels = liquidity.offered(side, limit_e8, _LEVELS)
        if not wanted_e8 and levels:  # by quoteOrderQty: about what it buys at the best price
            wanted_e8 = min(sum(quantity for _, quantity in levels), _LEVELS * 100_000_000)
        found_e8 = sum(quantity_e8 for _, quantity_e8 in levels)
        is_far = limit_e8 > 0 and len(levels) > _WITHDRAWN_LEVELS_MAX
        if found_e8 <= 0 or is_far or not self.box.spend(fault, call, now_ns):
            return
        left_e8 = int(min(wanted_e8, found_e8) * float(fault.args.get("fraction", 0.5)))
        left_e8 = int(venue.instrument.quantity_down(left_e8))
        thin = ThinLiquidity(liquidity, left_e8)
        venue.matcher.liquidity = thin
        self._thin = (venue, thin)

    def _make_whole(self, call: Call, body: object, now_ns: int) -> None:
        """The market is seen whole again; what an order rests against has been withdrawn meanwhile."""
        assert self._thin is not None
        venue, thin = self._thin
        self._thin = None
        venue.matcher.liquidity = thin.whole
        order = self._order_of(call, body, now_ns)
        if order is None or not order.is_open or order.limit_e8 <= 0:
            return
        side = int(order.side)
        for price_e8, quantity_e8 in thin.whole.offered(side, int(order.limit_e8), _WITHDRAWN_LEVELS_MAX):
            if quantity_e8 > 0:
                thin.whole.take(side, price_e8, quantity_e8)

    # Late rejections ---------------------------------------------------------------------------------------------

    def _plan_rejection(self, call: Call, body: object, now_ns: int) -> None:
        fault = self.box.is_wanted("late_reject", call, now_ns)
        order = self._order_of(call, body, now_ns) if fault is not None else None
        if fault is None or order is None or not order.is_open or order.list_id >= 0:
            return
        if self.box.spend(fault, call, now_ns):
            self._late.append((now_ns + delay_ns(fault), call.market, order.account, order.order_id, _status(fault)))
            self._late.sort()

    @property
    def next_ns(self) -> int:
        """When ``advance`` has something to do; NEVER."""
        return self._late[0][0] if self._late else NEVER

    def advance(self, now_ns: int) -> list[str]:
        """End the orders whose late rejection is due; the markets whose venue has news."""
        touched = []
        while self._late and self._late[0][0] <= now_ns:
            due_ns, market, account, order_id, status = self._late.pop(0)
            venue = self._venue(market)
            order = venue.orders.get(account, order_id)
            if order is None or not order.is_open:
                continue
            execution = X_EXPIRED if status == "EXPIRED" else X_REJECTED
            if market == SPOT:
                venue.books.end(order, status, execution, due_ns)
            else:
                venue.end_order(order, status, execution, 0, due_ns)
            touched.append(market)
        return touched

    # -------------------------------------------------------------------------------------------------------------

    def _venue(self, market: str) -> Any:
        return self._exchange.spot if market == SPOT else self._exchange.usdm

    def _order_of(self, call: Call, body: object, now_ns: int) -> ExchangeOrder | None:
        """The order that an answer tells of."""
        if operation(call.method, call.path) != PLACE or not isinstance(body, Mapping):
            return None
        order_id = body.get("orderId")
        if not isinstance(order_id, int):
            return None
        try:
            account = self._exchange.authorize("TRADE", call, now_ns)
        except Refusal:
            return None
        found: ExchangeOrder | None = self._venue(call.market).orders.get(account, order_id)
        return found


def _status(fault: Fault) -> str:
    return str(fault.args.get("status", "EXPIRED"))
