"""Answers that only orders have which met another order of their account: placed, in lists, replaced and cancelled."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tests.clients.raw import SYMBOL, Refused, Rest, Socket
from tests.clients.shape_records import Records

ONE: Final[dict[str, Any]] = {"symbol": SYMBOL}
RESTING: Final = 30
TRIES: Final = 8
Send = Callable[[float, float], Awaitable[Any]]  # price and quantity of an order that comes -> the answer


async def record(api: Socket, rest: Rest, records: Records) -> None:
    """Leaves nothing open."""
    await _placed(api, rest, records)
    await _replaced(api, rest, records)
    await _cancelled(api, rest, records)
    rest.flatten()


def _reach(rest: Rest, price: float) -> float:
    """The quantity that takes all asks up to a price and a bit more."""
    book = rest.public("/api/v3/depth", **ONE, limit=500)
    return round(sum(float(quantity) for level, quantity in book["asks"] if float(level) <= price) + 2, 4)


def _limit(side: str, price: float, quantity: float, **more: Any) -> dict[str, Any]:
    order = {**ONE, "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity, "price": price}
    return {**order, "newOrderRespType": "RESULT", **more}


def _working(side: str, price: float, quantity: float, pair: bool, **more: Any) -> dict[str, Any]:
    """An OTO, or OTOCO, by its working order; what is pending is far away."""
    other = "SELL" if side == "BUY" else "BUY"
    away = round(price * (1.05 if other == "SELL" else 0.95), 2)
    behind = round(price * (0.95 if other == "SELL" else 1.05), 2)
    order = {**ONE, "workingType": "LIMIT", "workingSide": side, "workingTimeInForce": "GTC", "workingPrice": price}
    order |= {"workingQuantity": quantity, "pendingSide": other, "pendingQuantity": 0.02, "newOrderRespType": "RESULT"}
    if not pair:
        return {**order, "pendingType": "LIMIT_MAKER", "pendingPrice": away, **more}
    above, below = ("LIMIT_MAKER", "STOP_LOSS") if other == "SELL" else ("STOP_LOSS", "LIMIT_MAKER")
    high, low = ("pendingAbovePrice", "pendingBelowStopPrice")
    if other == "BUY":
        high, low = ("pendingAboveStopPrice", "pendingBelowPrice")
    legs = {high: max(away, behind), low: min(away, behind)}
    return {**order, "pendingAboveType": above, "pendingBelowType": below, **legs, **more}


def _texts(params: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in params.items()}


async def _met(rest: Rest, send: Send, fields: int = 1) -> Any:
    """The answer to an order that met one of ours. The market may move in between; then it is done again.

    ``fields``: how often preventedMatchId must be in the answer.
    """
    answer: Any = None
    for _ in range(TRIES):
        price = round(rest.best()[1] + 0.10, 2)
        reach = _reach(rest, price)
        rest.post("/api/v3/order", **_limit("SELL", price, RESTING))
        answer = await send(price, reach)
        rest.flatten()
        if json.dumps(answer).count('"preventedMatchId"') >= fields:
            return answer
    raise AssertionError(f"the orders did not meet: {answer}")


async def _decremented(rest: Rest, place: Callable[[float], Any]) -> Any:
    """What ``place`` put into the book at a price, its order (the first) lessened by one of ours that came."""
    for _ in range(TRIES):
        price = round(rest.best()[1] + 0.10, 2)
        reach = _reach(rest, price)
        made = place(price)
        order = made["orders"][0] if "orders" in made else made
        terms = {"timeInForce": "IOC", "selfTradePreventionMode": "DECREMENT"}
        coming = {**_limit("BUY", price, reach), **terms}
        rest.post("/api/v3/order", **coming)
        found = rest.get("/api/v3/order", **ONE, orderId=order["orderId"])
        if "preventedMatchId" in found and found["status"] in ("NEW", "PARTIALLY_FILLED"):
            return made
        rest.flatten()
    raise AssertionError(f"the orders did not meet: {found}")


async def _placed(api: Socket, rest: Rest, records: Records) -> None:
    mode = {"selfTradePreventionMode": "EXPIRE_TAKER"}

    async def order(price: float, quantity: float) -> Any:
        return await api.reply("order.place", **_texts(_limit("BUY", price, quantity, **mode)))

    records.add("order.place", await _met(rest, order))

    async def both(price: float, quantity: float) -> Any:
        terms = {"selfTradePreventionMode": "EXPIRE_BOTH", "newOrderRespType": "FULL"}
        return rest.post("/api/v3/order", **{**_limit("BUY", price, quantity), **terms})

    answer = records.add("POST /api/v3/order", await _met(rest, both, 2))
    path = "/api/v3/myPreventedMatches"
    records.add(f"GET {path}", rest.get(path, **ONE, orderId=answer["orderId"]))
    for name, pair in (("oto", False), ("otoco", True)):

        async def over_rest(price: float, quantity: float, name: str = name, pair: bool = pair) -> Any:
            return rest.post(f"/api/v3/orderList/{name}", **_working("BUY", price, quantity, pair, **mode))

        async def over_socket(price: float, quantity: float, name: str = name, pair: bool = pair) -> Any:
            return await api.reply(f"orderList.place.{name}", **_texts(_working("BUY", price, quantity, pair, **mode)))

        records.add(f"POST /api/v3/orderList/{name}", await _met(rest, over_rest))
        records.add(f"orderList.place.{name}", await _met(rest, over_socket))


async def _replaced(api: Socket, rest: Rest, records: Records) -> None:
    """What is cancelled was lessened, and what replaces it meets another order and expires."""
    mode = {"selfTradePreventionMode": "EXPIRE_TAKER", "cancelReplaceMode": "STOP_ON_FAILURE"}

    async def replace(price: float, quantity: float, is_socket: bool) -> Any:
        made = await _decremented(rest, lambda at: rest.post("/api/v3/order", **_limit("SELL", at, RESTING)))
        price = round(rest.best()[1] + 0.10, 2)
        rest.post("/api/v3/order", **_limit("SELL", price, RESTING))
        quantity = _reach(rest, price)
        new = _limit("BUY", price, quantity, **mode, cancelOrderId=made["orderId"])
        try:
            if is_socket:
                return await api.reply("order.cancelReplace", **_texts(new))
            return rest.post("/api/v3/order/cancelReplace", **new)
        except Refused as refused:  # the market had taken it
            return refused.body

    records.add("POST /api/v3/order/cancelReplace", await _met(rest, lambda p, q: replace(p, q, False), 2))
    records.add("order.cancelReplace", await _met(rest, lambda p, q: replace(p, q, True), 2))
    for is_socket in (False, True):  # what replaces it expires at once
        price = round(rest.best()[0] * 0.9, 2)
        terms = {"cancelReplaceMode": "STOP_ON_FAILURE", "timeInForce": "IOC"}
        terms["cancelOrderId"] = rest.post("/api/v3/order", **_limit("BUY", price, 0.02))["orderId"]
        new = {**_limit("BUY", price, 0.02), **terms}
        if is_socket:
            records.add("order.cancelReplace", await api.reply("order.cancelReplace", **_texts(new)))
        else:
            records.add("POST /api/v3/order/cancelReplace", rest.post("/api/v3/order/cancelReplace", **new))


async def _cancelled(api: Socket, rest: Rest, records: Records) -> None:
    """Lists whose working order was lessened, cancelled in every way, and an order of its own."""

    def a_list(price: float) -> Any:
        return rest.post("/api/v3/orderList/oto", **_working("SELL", price, RESTING, False))

    made = await _decremented(rest, a_list)
    records.add("DELETE /api/v3/orderList", rest.delete("/api/v3/orderList", **ONE, orderListId=made["orderListId"]))
    made = await _decremented(rest, a_list)
    records.add("orderList.cancel", await api.reply("orderList.cancel", **ONE, orderListId=made["orderListId"]))
    made = await _decremented(rest, a_list)
    gone = await api.reply("order.cancel", **ONE, orderId=made["orders"][0]["orderId"])
    records.add("order.cancel", gone)
    await _decremented(rest, a_list)
    records.add("openOrders.cancelAll", await api.reply("openOrders.cancelAll", **ONE))
    await _decremented(rest, lambda price: rest.post("/api/v3/order", **_limit("SELL", price, RESTING)))
    records.add("openOrders.cancelAll", await api.reply("openOrders.cancelAll", **ONE))
